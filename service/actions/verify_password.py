"""Answer Okta's question: is this password right? Knows the store and the pool; knows no HTTP.

A verdict is only given where everything worked. Whatever fails on our side is an exception, never UNVERIFIED: a right
password must not be called wrong because we failed.
"""

from dataclasses import dataclass, field

import structlog

from service.accounts import recipes
from service.accounts.account import Account, KeptHash, State
from service.accounts.audit import Action
from service.accounts.database import Database
from service.accounts.failures import Failures
from service.accounts.find import Ambiguous, Found
from service.accounts.lookups import Lookups
from service.accounts.names import login_key
from service.actions.asked_after_success import SignInsAfterMigration
from service.actions.audit_trail import AuditTrail, new_code
from service.actions.floods import ThrottleCache
from service.actions.open_hashes import UNUSABLE, HashOpener
from service.actions.remember_sign_in import SignInRecorder
from service.actions.sign_in import SignInOutcome, SignInRequest, SignInResult
from service.actions.stand_ins import DummyHashes, load_dummy_hashes
from service.actions.throttle_guesses import AttemptsInFlight, TooManyFailures
from service.actions.unknown_logins import UnknownLogins
from service.okta.password_import import PasswordImportCall
from service.passwords.format import Check
from service.passwords.pool import HashingPool, SingleFlight
from service.telemetry import Telemetry

log = structlog.get_logger()


class NoAccounts(Exception):
    """No account is loaded at all, so that an unknown login says nothing about the person."""


class UnusableStoredHash(Exception):
    """A hash in the store cannot be checked, and no other hash of the account matched."""


@dataclass(slots=True)
class PasswordVerifier:
    """What answering takes; made once, at start."""

    database: Database
    pool: HashingPool
    single_flight: SingleFlight
    opener: HashOpener
    telemetry: Telemetry
    trail: AuditTrail = field(default_factory=AuditTrail)
    throttle_cache: ThrottleCache = field(default_factory=ThrottleCache)
    unknown_logins: UnknownLogins = field(default_factory=UnknownLogins)
    dummy_hashes: DummyHashes | None = None
    lookups: Lookups = field(init=False)
    recorder: SignInRecorder = field(init=False)
    sign_ins_after_migration: SignInsAfterMigration = field(init=False)
    _attempts: AttemptsInFlight | None = None
    _accounts_seen: bool = False

    def __post_init__(self) -> None:
        self.lookups = Lookups(self.database)
        self.recorder = SignInRecorder(self.database, self.telemetry, self.trail)
        self.sign_ins_after_migration = SignInsAfterMigration(self.telemetry)

    async def prepare(self) -> None:
        """Read what the store says about checking: recipes and keys. To be repeated, as they change with loads."""
        async with self.database.connection() as connection:
            key = await recipes.login_digest_key(connection)
            self.dummy_hashes = load_dummy_hashes(await recipes.list_recipes(connection), self.opener)
        self._attempts = self._attempts or AttemptsInFlight(key)

    async def verify(self, call: PasswordImportCall, *, deadline: float) -> SignInResult:
        """Answer a call before `deadline` (of the loop's clock).

        Raises `Overloaded` where the check could not end in time, `TooManyFailures` where the login is guessed at,
        `TimeoutError` where something else took too long, and any other exception where we are at fault.
        """
        key = login_key(call.username)
        result = await self.single_flight.run(
            (key, call.password), lambda: self._verify(call, key, deadline), deadline=deadline
        )
        self.telemetry.sign_ins.labels(result.outcome).inc()
        return result

    async def _verify(self, call: PasswordImportCall, key: str, deadline: float) -> SignInResult:
        if self.dummy_hashes is None or self._attempts is None:
            await self.prepare()
        attempts, dummy_hashes = self._attempts, self.dummy_hashes
        assert attempts is not None  # noqa: S101 (for the type checker: prepared just now)
        assert dummy_hashes is not None  # noqa: S101 (likewise)
        self.pool.require_room(dummy_hashes.kinds, account=key, deadline=deadline)
        request = SignInRequest(call, key, attempts.throttle_key(key, call.client_address), deadline, new_code())
        found, failures = await self._look_up(request, attempts)
        with attempts.checking(request.who):
            if isinstance(found, Account) and found.state in (State.WAITING, State.VERIFIED):
                outcome = await self._check(found, request)
            else:
                outcome = await self._check_dummy_hash(found, request, dummy_hashes)
        await self.recorder.remember(outcome, found, failures, request)
        return SignInResult(outcome, request.code)

    async def _look_up(self, request: SignInRequest, attempts: AttemptsInFlight) -> tuple[Found, Failures]:
        if (refusal := self.throttle_cache.judge(request.who)) is not None:
            raise self._throttled(request, refusal.retry_after, refusal.account_id)
        found, failures = await self.lookups.find(request.key, request.who)
        throttled = attempts.judge(request.who, failures)
        if throttled is not None:
            account_id = found.id if isinstance(found, Account) else None
            self.throttle_cache.note(request.who, throttled, account_id)
            raise self._throttled(request, throttled.retry_after, account_id)
        if found is None and not self._accounts_seen:
            async with self.database.connection() as connection:
                self._accounts_seen = await recipes.has_accounts(connection)
            if not self._accounts_seen:
                raise NoAccounts
            # The first ones may have come between the two looks.
            return await self._look_up(request, attempts)
        return found, failures

    def _throttled(self, request: SignInRequest, retry_after: float, account_id: int | None) -> TooManyFailures:
        self.trail.note(request.entry(Action.THROTTLED, "too many failures", account_id))
        return TooManyFailures(retry_after)

    async def _check_dummy_hash(self, found: Found, request: SignInRequest, dummy_hashes: DummyHashes) -> SignInOutcome:
        await self._check(dummy_hashes.choose(request.key, request.who.login), request)
        if found is None:
            self.unknown_logins.note(request.key)
            return SignInOutcome.UNKNOWN
        if isinstance(found, Ambiguous):
            return SignInOutcome.AMBIGUOUS
        if found.state is State.UNARMED:
            return SignInOutcome.UNARMED
        self.sign_ins_after_migration.note(found, request.call.event_id)
        return SignInOutcome.TOMBSTONE

    async def _check(self, account: Account, request: SignInRequest) -> SignInOutcome:
        checks = self._open(account)
        if checks and await self.pool.verify(
            checks, request.call.password, account=account.login_key, deadline=request.deadline
        ):
            return SignInOutcome.VERIFIED
        if len(checks) < len(account.hashes) or not checks:
            raise UnusableStoredHash
        return SignInOutcome.WRONG_PASSWORD

    def _open(self, account: Account) -> list[Check]:
        checks = []
        for kept in account.hashes:
            try:
                checks.append(self.opener.open(kept))
            except UNUSABLE as error:
                self._log_unusable(account, kept, error)
        return checks

    def _log_unusable(self, account: Account, kept: KeptHash, error: Exception) -> None:
        self.telemetry.faults.labels("unusable_hash").inc()
        log.error(
            "unusable_hash", account_id=account.id, source=kept.source, format=kept.format, fault=type(error).__name__
        )

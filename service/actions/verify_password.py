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
from service.actions.asked_after_success import AskedAfterSuccess
from service.actions.audit_trail import AuditTrail, new_code
from service.actions.floods import Floods
from service.actions.open_hashes import UNUSABLE, HashOpener
from service.actions.remember_sign_in import SignInRecorder
from service.actions.sign_in import Answered, Asked, SignIn
from service.actions.stand_ins import StandIns, load_stand_ins
from service.actions.throttle_guesses import Guesses, TooManyFailures
from service.actions.unknown_logins import UnknownLogins
from service.okta.password_import import PasswordImportCall
from service.passwords.format import Check
from service.passwords.pool import HashingPool, Joins
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
    joins: Joins
    opener: HashOpener
    telemetry: Telemetry
    trail: AuditTrail = field(default_factory=AuditTrail)
    floods: Floods = field(default_factory=Floods)
    unknown_logins: UnknownLogins = field(default_factory=UnknownLogins)
    stand_ins: StandIns | None = None
    lookups: Lookups = field(init=False)
    recorder: SignInRecorder = field(init=False)
    asked_after_success: AskedAfterSuccess = field(init=False)
    _guesses: Guesses | None = None
    _accounts_seen: bool = False

    def __post_init__(self) -> None:
        self.lookups = Lookups(self.database)
        self.recorder = SignInRecorder(self.database, self.telemetry, self.trail)
        self.asked_after_success = AskedAfterSuccess(self.telemetry)

    async def prepare(self) -> None:
        """Read what the store says about checking: recipes and keys. To be repeated, as they change with loads."""
        async with self.database.connection() as connection:
            key = await recipes.login_digest_key(connection)
            self.stand_ins = load_stand_ins(await recipes.list_recipes(connection), self.opener)
        self._guesses = self._guesses or Guesses(key)

    async def verify(self, call: PasswordImportCall, *, deadline: float) -> Answered:
        """Answer a call before `deadline` (of the loop's clock).

        Raises `Overloaded` where the check could not end in time, `TooManyFailures` where the login is guessed at,
        `TimeoutError` where something else took too long, and any other exception where we are at fault.
        """
        key = login_key(call.username)
        answered = await self.joins.run(
            (key, call.password), lambda: self._verify(call, key, deadline), deadline=deadline
        )
        self.telemetry.sign_ins.labels(answered.sign_in).inc()
        return answered

    async def _verify(self, call: PasswordImportCall, key: str, deadline: float) -> Answered:
        if self.stand_ins is None or self._guesses is None:
            await self.prepare()
        guesses, stand_ins = self._guesses, self.stand_ins
        assert guesses is not None  # noqa: S101 (for the type checker: prepared just now)
        assert stand_ins is not None  # noqa: S101 (likewise)
        self.pool.require_room(stand_ins.kinds, account=key, deadline=deadline)
        asked = Asked(call, key, guesses.guesser(key, call.client_address), deadline, new_code())
        found, failures = await self._look_up(asked, guesses)
        with guesses.checking(asked.who):
            if isinstance(found, Account) and found.state in (State.WAITING, State.VERIFIED):
                sign_in = await self._check(found, asked)
            else:
                sign_in = await self._stand_in(found, asked, stand_ins)
        await self.recorder.remember(sign_in, found, failures, asked)
        return Answered(sign_in, asked.code)

    async def _look_up(self, asked: Asked, guesses: Guesses) -> tuple[Found, Failures]:
        if (refusal := self.floods.judge(asked.who)) is not None:
            raise self._throttled(asked, refusal.retry_after, refusal.account_id)
        found, failures = await self.lookups.find(asked.key, asked.who)
        throttled = guesses.judge(asked.who, failures)
        if throttled is not None:
            account_id = found.id if isinstance(found, Account) else None
            self.floods.note(asked.who, throttled, account_id)
            raise self._throttled(asked, throttled.retry_after, account_id)
        if found is None and not self._accounts_seen:
            async with self.database.connection() as connection:
                self._accounts_seen = await recipes.has_accounts(connection)
            if not self._accounts_seen:
                raise NoAccounts
            # The first ones may have come between the two looks.
            return await self._look_up(asked, guesses)
        return found, failures

    def _throttled(self, asked: Asked, retry_after: float, account_id: int | None) -> TooManyFailures:
        self.trail.note(asked.entry(Action.THROTTLED, "too many failures", account_id))
        return TooManyFailures(retry_after)

    async def _stand_in(self, found: Found, asked: Asked, stand_ins: StandIns) -> SignIn:
        await self._check(stand_ins.choose(asked.key, asked.who.login), asked)
        if found is None:
            self.unknown_logins.note(asked.key)
            return SignIn.UNKNOWN
        if isinstance(found, Ambiguous):
            return SignIn.AMBIGUOUS
        if found.state is State.UNARMED:
            return SignIn.UNARMED
        self.asked_after_success.note(found, asked.call.event_id)
        return SignIn.TOMBSTONE

    async def _check(self, account: Account, asked: Asked) -> SignIn:
        checks = self._open(account)
        if checks and await self.pool.verify(
            checks, asked.call.password, account=account.login_key, deadline=asked.deadline
        ):
            return SignIn.VERIFIED
        if len(checks) < len(account.hashes) or not checks:
            raise UnusableStoredHash
        return SignIn.WRONG_PASSWORD

    def _open(self, account: Account) -> list[Check]:
        checks = []
        for kept in account.hashes:
            try:
                checks.append(self.opener.open(kept))
            except UNUSABLE as error:
                self._tell_unusable(account, kept, error)
        return checks

    def _tell_unusable(self, account: Account, kept: KeptHash, error: Exception) -> None:
        self.telemetry.faults.labels("unusable_hash").inc()
        log.error(
            "unusable_hash", account_id=account.id, source=kept.source, format=kept.format, fault=type(error).__name__
        )

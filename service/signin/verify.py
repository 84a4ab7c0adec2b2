"""Verification of a password for the password import hook.

A verdict is returned only if everything worked. Any failure of ours is an exception, never UNVERIFIED: a right password
must not be rejected because we failed.
"""

import asyncio
import enum
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import asyncpg
import structlog

from service.audit_trail import AuditTrail, new_code
from service.hashing.format import Check, TooCostly
from service.hashing.limits import MAX_WORK
from service.hashing.pool import HashingPool, SingleFlight
from service.immutable import immutable
from service.okta.password_import import PasswordImportCall, Verdict
from service.signin.dummy_hashes import DummyHashes, load_dummy_hashes
from service.signin.lookup_batcher import Lookups
from service.signin.observations import SignInsAfterMigration, UnknownLogins
from service.signin.queries import Found, LookedUp, Lookup, read_site_failures, record_verified
from service.signin.rehearsal import RehearsalVerifier
from service.signin.resolve import Ambiguity
from service.signin.throttling import (
    AttemptsInFlight,
    FirstAttempts,
    TooManyFailures,
    count_wrong_password,
    prune,
)
from service.store import audit, recipes, rehearsals
from service.store.accounts import Account, KeptHash, State, login_key
from service.store.audit import Action, Entry
from service.store.database import DATABASE_UNAVAILABLE, Database
from service.store.encryption import HashKeys
from service.stored_hashes import UNUSABLE, HashOpener
from service.telemetry import Telemetry, describe

# A sign-in: the request and its result.


class SignInOutcome(enum.StrEnum):
    """The outcome of a call."""

    VERIFIED = "verified"
    WRONG_PASSWORD = "wrong_password"  # noqa: S105 (an outcome)
    UNKNOWN = "unknown_login"
    AMBIGUOUS = "ambiguous_login"
    UNARMED = "unarmed"
    TOMBSTONE = "tombstone"

    @property
    def verdict(self) -> Verdict:
        """The verdict sent to Okta."""
        return Verdict.VERIFIED if self is SignInOutcome.VERIFIED else Verdict.UNVERIFIED


@immutable
class SignInResult:
    """The outcome of a call, and the code that identifies its audit entry."""

    outcome: SignInOutcome
    code: str
    is_rehearsed: bool = False
    """Whether the person was invented by `rehearse`."""
    account_id: int | None = None
    """The account that the name identifies; None if there is none or the name is ambiguous."""
    queue_seconds: float = 0.0
    """How long the checks waited for a core."""

    @property
    def verdict(self) -> Verdict:
        """The verdict sent to Okta."""
        return self.outcome.verdict

    @property
    def label(self) -> str:
        """The outcome as counted in metrics; a rehearsal does not count as a sign-in."""
        return "rehearsal" if self.is_rehearsed else self.outcome


@immutable
class SignInRequest:
    """One call, with its caller and deadline."""

    call: PasswordImportCall
    lookup: Lookup
    deadline: float
    """On the loop's clock."""
    code: str
    tag: bytes | None = field(repr=False)
    """Identifies the call, so that its repetition is not counted again."""
    waits: list[float] = field(default_factory=list)
    """Seconds that its checks waited for a core."""

    def entry(self, action: Action, reason: str, account_id: int | None = None) -> Entry:
        """Return this call's entry for the audit trail."""
        return Entry(
            action, reason, self.code, account_id, event_id=self.call.event_id, request_id=self.call.request_id
        )


# Recording of a sign-in, in at most one statement. A failed write does not change the verdict.

log = structlog.get_logger()

LAST_WRITE = 0.2
"""Seconds before the deadline at which an unfinished record is abandoned, and the answer is sent."""


@dataclass(slots=True)
class SignInRecorder:
    """Records the outcomes of sign-ins; created once, at start."""

    database: Database
    telemetry: Telemetry
    trail: AuditTrail

    async def remember(self, outcome: SignInOutcome, known: LookedUp, request: SignInRequest) -> None:
        """Record a verdict and its effects on the account and on the caller's failures."""
        if outcome is SignInOutcome.VERIFIED:
            assert isinstance(known.found, Account)  # noqa: S101 (for the type checker: only accounts are verified)
            await self._verified(known.found, known, request)
        else:
            await self._refused(outcome, known, request)

    async def _refused(self, outcome: SignInOutcome, known: LookedUp, request: SignInRequest) -> None:
        account_id = known.found.id if isinstance(known.found, Account) else None
        self.trail.note(request.entry(Action.REFUSED, outcome, account_id))
        who, tag = known.who, request.tag
        if not await self._write(request, lambda connection: count_wrong_password(connection, who, tag)):
            self.telemetry.faults.labels("failure_uncounted").inc()

    async def _verified(self, account: Account, known: LookedUp, request: SignInRequest) -> None:
        clear = known.who if known.failures.pair or known.failures.login else None
        entry = request.entry(Action.VERIFIED, "password", account.id)
        if account.state is State.VERIFIED and clear is None:
            self.trail.note(entry)
        elif not await self._write(
            request, lambda connection: record_verified(connection, account.id, clear_failures_of=clear, entry=entry)
        ):
            self.trail.note(entry)
            # The person is signed in anyway, and Okta's event reports the rest.
            self.telemetry.verified_unrecorded.inc()
            log.warning("verified_unrecorded", account_id=account.id, event_id=request.call.event_id)

    async def _write(self, request: SignInRequest, statement: Callable[[asyncpg.Connection], Awaitable[None]]) -> bool:
        try:
            async with asyncio.timeout_at(request.deadline - LAST_WRITE), self.database.connection() as connection:
                await statement(connection)
        except (*DATABASE_UNAVAILABLE, TimeoutError) as error:
            log.warning("write_failed", **describe(error))
            return False
        return True


class NoAccounts(Exception):
    """No account is loaded at all, so an unknown login says nothing about the person."""


class UnusableStoredHash(Exception):
    """A stored hash cannot be checked, and no other hash of the account matched."""


@dataclass(slots=True)
class PasswordVerifier:
    """Verifies passwords; created once, at start."""

    database: Database
    pool: HashingPool
    single_flight: SingleFlight
    opener: HashOpener
    telemetry: Telemetry
    trail: AuditTrail = field(default_factory=AuditTrail)
    first_attempts: FirstAttempts = field(default_factory=FirstAttempts)
    unknown_logins: UnknownLogins = field(default_factory=UnknownLogins)
    dummy_hashes: DummyHashes | None = None
    _recipes: Sequence[recipes.KeptRecipe] = ()
    lookups: Lookups = field(init=False)
    recorder: SignInRecorder = field(init=False)
    rehearsal: RehearsalVerifier = field(init=False)
    sign_ins_after_migration: SignInsAfterMigration = field(init=False)
    _attempts: AttemptsInFlight | None = None
    _accounts_seen: bool = False

    def __post_init__(self) -> None:
        self.lookups = Lookups(self.database)
        self.recorder = SignInRecorder(self.database, self.telemetry, self.trail)
        self.rehearsal = RehearsalVerifier(self.database, self.pool, self.opener, self.trail)
        self.sign_ins_after_migration = SignInsAfterMigration(self.telemetry)

    async def prepare(self) -> None:
        """Read recipes and keys from the store. Must be repeated, since they change with loads."""
        async with self.database.connection() as connection:
            key = await recipes.login_digest_key(connection)
            self._recipes = await recipes.list_recipes(connection)
        self.dummy_hashes = load_dummy_hashes(self._recipes, self.opener)
        self._attempts = self._attempts or AttemptsInFlight(key)

    def use_keys(self, keys: HashKeys) -> None:
        """Replace the keys. Dummy hashes are encrypted again, since the key of the current ones may be gone."""
        self.opener.keys = keys
        if self.dummy_hashes is not None:
            self.dummy_hashes = load_dummy_hashes(self._recipes, self.opener)

    async def verify(self, call: PasswordImportCall, *, deadline: float) -> SignInResult:
        """Answer a call before `deadline` (on the loop's clock).

        Raises `Overloaded` if the check cannot end in time, `TooManyFailures` if the login is under attack,
        `TimeoutError` if something else took too long, and any other exception for internal errors.
        """
        key = login_key(call.username)
        result = await self.single_flight.run(
            (key, call.password), lambda: self._answer(call, key, deadline), deadline=deadline
        )
        self.telemetry.sign_ins.labels(result.label).inc()
        return result

    async def _answer(self, call: PasswordImportCall, key: str, deadline: float) -> SignInResult:
        if key.endswith(rehearsals.DOMAIN):
            self.pool.require_room(self.dummy_hashes.kinds if self.dummy_hashes else (), account=key, deadline=deadline)
            code = new_code()
            is_right = await self.rehearsal.verify(call, key, code, deadline=deadline)
            if is_right is not None:
                outcome = SignInOutcome.VERIFIED if is_right else SignInOutcome.WRONG_PASSWORD
                return SignInResult(outcome, code, is_rehearsed=True)
        return await self._verify(call, key, deadline)

    async def _verify(self, call: PasswordImportCall, key: str, deadline: float) -> SignInResult:
        if self.dummy_hashes is None or self._attempts is None:
            await self.prepare()
        attempts, dummy_hashes = self._attempts, self.dummy_hashes
        assert attempts is not None  # noqa: S101 (for the type checker: just prepared)
        assert dummy_hashes is not None  # noqa: S101 (likewise)
        self.pool.require_room(dummy_hashes.kinds, account=key, deadline=deadline)
        lookup, tag = attempts.lookup(key, call.client_address), attempts.call_tag(call.event_id, call.password)
        request = SignInRequest(call, lookup, deadline, new_code(), tag)
        known = await self._look_up(request, attempts)
        with attempts.checking(known.who):
            if isinstance(known.found, Account) and known.found.state in (State.WAITING, State.VERIFIED):
                outcome = await self._check(known.found, request)
            else:
                outcome = await self._check_dummy_hash(known, request, dummy_hashes)
            await self.recorder.remember(outcome, known, request)
        account_id = known.found.id if isinstance(known.found, Account) else None
        return SignInResult(outcome, request.code, account_id=account_id, queue_seconds=sum(request.waits, 0.0))

    async def _look_up(self, request: SignInRequest, attempts: AttemptsInFlight) -> LookedUp:
        read_at = time.monotonic()
        known = await self.lookups.find(request.lookup)
        if known.who.sites:
            known = await self._with_sites(known)
        throttled = attempts.judge(known.who, known.failures, read_at=read_at)
        if throttled is not None:
            if throttled.first_attempt:
                self.first_attempts.note(known.who)
            raise self._throttled(request, throttled.retry_after, known.found)
        if known.found is None and not self._accounts_seen:
            async with self.database.connection() as connection:
                self._accounts_seen = await recipes.has_accounts(connection)
            if not self._accounts_seen:
                raise NoAccounts
            # The first accounts may have been loaded between the two reads.
            return await self._look_up(request, attempts)
        return known

    async def _with_sites(self, known: LookedUp) -> LookedUp:
        """Read also the failures from the wider networks around an IPv6 address."""
        async with self.database.connection() as connection:
            sites = await read_site_failures(connection, known.who)
        return replace(known, failures=replace(known.failures, sites=sites))

    def _throttled(self, request: SignInRequest, retry_after: float, found: Found) -> TooManyFailures:
        account_id = found.id if isinstance(found, Account) else None
        self.trail.note(request.entry(Action.THROTTLED, "too many failures", account_id))
        return TooManyFailures(retry_after, account_id)

    async def _check_dummy_hash(
        self, known: LookedUp, request: SignInRequest, dummy_hashes: DummyHashes
    ) -> SignInOutcome:
        # The current ones: the keys may have been replaced since the start of this call.
        dummy_hashes = self.dummy_hashes or dummy_hashes
        found = known.found
        # By the account's login if there is one, so that the time does not depend on which of its names was typed.
        login_key = found.login_key if isinstance(found, Account) else request.lookup.key
        await self._check(dummy_hashes.choose(login_key, known.who.login), request)
        if found is None:
            self.unknown_logins.note(request.lookup.key)
            return SignInOutcome.UNKNOWN
        if isinstance(found, Ambiguity):
            return SignInOutcome.AMBIGUOUS
        if found.state is State.UNARMED:
            return SignInOutcome.UNARMED
        self.sign_ins_after_migration.note(found, request.call.event_id)
        return SignInOutcome.TOMBSTONE

    async def _check(self, account: Account, request: SignInRequest) -> SignInOutcome:
        checks = self._open(account)
        if sum(check.work for check in checks) > MAX_WORK:
            self._log_unusable(account, account.hashes[0], TooCostly())
            raise UnusableStoredHash
        if checks and await self.pool.verify(
            checks,
            request.call.password,
            account=account.login_key,
            deadline=request.deadline,
            on_waited=request.waits.append,
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


# Periodic work: refreshing recipes after loads, and deleting expired rows.

REFRESH_EVERY = 60.0
"""Seconds between reads of the recipes, so that dummy hashes reflect loads while the service runs."""
PRUNED = 5_000
"""Old rows deleted at a time, so that no statement takes long."""
WARMED = 20
"""Costs measured before traffic, the most common first; a store with random rounds has thousands."""


async def keep_prepared(verifier: PasswordVerifier, keep: timedelta) -> None:
    """Refresh recipes while the service runs, and delete expired failure counts, events and audit entries."""
    while True:
        await asyncio.sleep(REFRESH_EVERY)
        try:
            await prepare(verifier)
            async with verifier.database.connection() as connection:
                await prune(connection)
                await audit.prune(connection, keep, PRUNED)
        except (*DATABASE_UNAVAILABLE, TimeoutError) as error:
            log.warning("refresh_failed", **describe(error))


async def prepare(verifier: PasswordVerifier) -> None:
    """Read the recipes, measure new costs, and remove the people of a killed rehearsal."""
    await verifier.prepare()
    try:
        async with verifier.database.connection() as connection:
            await rehearsals.remove_abandoned(connection)
    except (asyncpg.UndefinedTableError, asyncpg.InsufficientPrivilegeError) as error:
        # Before the migration, or before deploy/roles.sql was run again: sign-ins work without rehearsals.
        log.warning("refresh_failed", **describe(error))
    checks = verifier.dummy_hashes.checks if verifier.dummy_hashes else ()
    await verifier.pool.warm([check for check in checks if verifier.pool.estimate(check.cost) is None][:WARMED])

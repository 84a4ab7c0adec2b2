"""Comparison of the armed accounts with the org's users: binding by login, retirement of unneeded hashes.

The log is read before anything is retired, so that a SUCCESS takes precedence over the state of a user.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

import asyncpg

from service.import_events import queries
from service.import_events.queries import BindingLock
from service.import_events.record import COLLISIONS, apply_unmatched
from service.okta.users import IMPORT, OWN, OktaUser, Status
from service.reconciliation import queries as reconciliation_queries
from service.settings import ForgetWhen
from service.store.accounts import State, login_key
from service.store.database import Database
from service.store.okta_logins import ReadLogin, has_changes, keep_okta_logins
from service.store.retirement import (
    ArmedAccount,
    Judged,
    Proof,
    Retirement,
    armed_accounts,
    armed_after,
    count_bound,
    retire_accounts,
)

# Storage of what users reveal about accounts: Okta ids, the unmatched events of those, and logins.

TRIES = 5
"""Maximum attempts for a page that PostgreSQL aborts to break a deadlock."""


async def keep_users(
    database: Database, users: Sequence[OktaUser], found: Sequence[tuple[int, str]], forget_when: ForgetWhen
) -> int:
    """Bind the accounts that were found by login and store all logins, in one transaction; return the number bound.

    An Okta id that another account has by now is skipped.
    """
    read = [ReadLogin(user.id, user.login, user.updated) for user in users]
    async with database.connection() as connection:
        if not found and not await has_changes(connection, read):
            return 0
    for attempt in range(TRIES):
        try:
            async with database.transaction() as connection:
                return await _keep_users(connection, read, found, forget_when)
        except COLLISIONS:
            if attempt == TRIES - 1:
                raise
            await asyncio.sleep(random.uniform(0, 0.05) * 2**attempt)  # noqa: S311 (spreads retries, not for security)
    raise AssertionError


async def _keep_users(
    connection: asyncpg.Connection,
    read: Sequence[ReadLogin],
    found: Sequence[tuple[int, str]],
    forget_when: ForgetWhen,
) -> int:
    await queries.acquire_binding_lock(connection, BindingLock.EXCLUSIVE)
    taken = await queries.find_matches(connection, [okta_id for _, okta_id in found], [], lock=False)
    free = [pair for pair in found if pair[1] not in {match.okta_id for match in taken}]
    if free:
        await queries.bind(connection, sorted(free))
    await keep_okta_logins(connection, read)
    await apply_unmatched(connection, [account_id for account_id, _ in free], forget_when)
    return len(free)


async def read_users_again(
    database: Database, users: "Users", okta_ids: Sequence[str], forget_when: ForgetWhen
) -> None:
    """Read again the users that accounts are bound to, and store their logins. Raises `OktaFault`."""
    async with database.connection() as connection:
        matches = await queries.find_matches(connection, okta_ids, [], lock=False)
    read = [await users.find_user(match.okta_id) for match in matches if match.okta_id]
    await keep_users(database, [user for user in read if user is not None], [], forget_when)


# When an account's hash is no longer needed although no SUCCESS arrived. No I/O.
#
# A user leaves `IMPORT` only with an imported password (reported by a SUCCESS) or with one that was set in Okta; then
# Okta never requests the legacy password again. Suspended and locked users may return; deactivated ones too, within
# thirty days.

AFTER_DEACTIVATION = timedelta(days=30)


def judge_user(user: OktaUser, now: datetime) -> Retirement | None:
    """Return why the account's hash is no longer needed, by its user; None if it is needed."""
    if user.provider == OWN:
        changed = user.password_changed.isoformat() if user.password_changed else "at an unknown time"
        return Retirement(Proof.PASSWORD_IN_OKTA, f"{user.id} has the provider OKTA, password changed {changed}")
    since = user.status_changed if user.status == Status.DEPROVISIONED else None
    if since is not None and since <= now - AFTER_DEACTIVATION:
        return Retirement(Proof.DEACTIVATED, f"{user.id} is deactivated since {since.isoformat()}")
    return None


def judge_missing(okta_id: str, now: datetime) -> Retirement:
    """Return the proof for a user that does not exist in Okta any more."""
    return Retirement(Proof.DELETED, f"{okta_id} did not exist any more at {now.isoformat(timespec='seconds')}")


# Users missing from the org: collected, and rejected if there are too many. No I/O.

MOST_MISSING = 0.1
"""The share of accounts above which missing users indicate another org, or a mistake, rather than deletions."""
FEW = 10
"""This many may be missing regardless of their share."""


class TooManyMissing(Exception):
    """So many users do not exist in the org that it is probably another one; no account of theirs was retired."""


class MissingUsers:
    """The missing users of one comparison, of `bound` accounts; `allow_any` accepts any number."""

    def __init__(self, bound: int, *, allow_any: bool) -> None:
        self.allowed = max(FEW, int(bound * MOST_MISSING))
        self.allow_any = allow_any
        self._gone: list[Judged] = []

    def __len__(self) -> int:
        return len(self._gone)

    def add(self, account: ArmedAccount, now: datetime) -> None:
        """Add an account whose user is missing. Raises `TooManyMissing`."""
        okta_id = account.okta_id or ""
        self._gone.append((account.id, account.okta_id, judge_missing(okta_id, now)))
        if len(self) > self.allowed and not self.allow_any:
            raise TooManyMissing

    def judged(self, *, known: int) -> list[Judged]:
        """Return all, given that `known` other users were found. Raises `TooManyMissing` if none was."""
        if self._gone and not known and not self.allow_any:
            raise TooManyMissing
        return self._gone


# The accounts that a comparison has seen, and the bound ones that it has not. Changes nothing.

PAGE = 1000


class SeenAccounts:
    """The ids of the accounts that were seen: one bit each, because there may be fifty million."""

    def __init__(self) -> None:
        self._bits = bytearray()

    def add(self, number: int) -> None:
        """Add an account's id."""
        missing = number // 8 + 1 - len(self._bits)
        if missing > 0:
            self._bits.extend(bytes(missing + len(self._bits) // 2))
        self._bits[number // 8] |= 1 << number % 8

    def __contains__(self, number: int) -> bool:
        return number // 8 < len(self._bits) and bool(self._bits[number // 8] & 1 << number % 8)


async def unseen_accounts(database: Database, seen: SeenAccounts) -> AsyncIterator[ArmedAccount]:
    """Yield the armed accounts with an Okta id that were not seen, in the order of id."""
    last = 0
    while True:
        async with database.connection() as connection:
            accounts = await armed_after(connection, last, PAGE)
        if not accounts:
            return
        last = accounts[-1].id
        for account in accounts:
            if account.id not in seen:
                yield account


# The results of comparing accounts with the org's users, in numbers. No I/O.


@dataclass
class UsersReport:
    """What the comparison found and did."""

    users: int = 0
    compared: int = 0
    bound: int = 0
    missing: int = 0
    own_password_unbound: int = 0
    """Users with their own password and the login of an account that was not provisioned: left unchanged."""
    other_providers: Counter[str] = field(default_factory=Counter)
    retired: Counter[Proof] = field(default_factory=Counter)

    def add(self, later: "UsersReport") -> None:
        """Add the results of a later comparison."""
        for name in ("users", "compared", "bound", "missing", "own_password_unbound"):
            setattr(self, name, getattr(self, name) + getattr(later, name))
        self.other_providers += later.other_providers
        self.retired += later.retired

    def count_provider(self, provider: str | None) -> None:
        """Count a user who is authenticated by another provider than Okta."""
        self.other_providers[provider or "none"] += 1


READ_LOG_EVERY = timedelta(minutes=1)


class Users(Protocol):
    """The users of an org."""

    @property
    def host(self) -> str:
        """The org's name."""
        ...

    def list_users(self, asked: str | None = None) -> AsyncIterator[list[OktaUser]]:
        """List users page by page; without a filter, all except deactivated ones."""
        ...

    async def find_user(self, id_or_login: str) -> OktaUser | None:
        """Find a user by id or login."""
        ...


class UserComparison:
    """One comparison. `read_log` reads the new entries of the log; `allow_missing` retires any number of accounts."""

    def __init__(
        self,
        database: Database,
        users: Users,
        forget_when: ForgetWhen,
        read_log: Callable[[], Awaitable[object]],
        *,
        allow_missing: bool = False,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        progress: Callable[[UsersReport], None] = lambda _report: None,
    ) -> None:
        self.database = database
        self.users = users
        self.forget_when = forget_when
        self.read_log = read_log
        self.allow_missing = allow_missing
        self.clock = clock
        self.progress = progress
        self.report = UsersReport()
        self._seen = SeenAccounts()
        self._known = 0
        self._read_log_at = clock() + READ_LOG_EVERY

    async def run(self) -> UsersReport:
        """Compare all accounts. Raises `OktaFault`, `TooManyMissing` or database errors."""
        begun = self.clock()
        for asked in (None, 'status eq "DEPROVISIONED"'):
            async for page in self.users.list_users(asked):
                await self._compare(page)
        await self._look_for_missing()
        async with self.database.transaction() as connection:
            await reconciliation_queries.save_compared(connection, self.users.host, begun)
        return self.report

    async def _compare(self, page: Sequence[OktaUser]) -> None:
        met = await self._meet(page)
        self.report.users += len(page)
        self.report.compared += len(met)
        ours = [
            (account, user) for account, user in met if account.okta_id is not None or self._may_bind(account, user)
        ]
        for account, _ in ours:
            self._seen.add(account.id)
        self._known += len(ours)
        judged = [each for account, user in ours for each in self._judge(account, user)]
        if self.clock() >= self._read_log_at:
            # Comparing millions takes hours, during which people continue to sign in.
            await self._read_log()
        found = [(account.id, user.id) for account, user in ours if account.okta_id is None]
        self.report.bound += await keep_users(self.database, page, found, self.forget_when)
        await self._retire(judged)
        self.progress(self.report)

    async def _meet(self, page: Sequence[OktaUser]) -> list[tuple[ArmedAccount, OktaUser]]:
        by_id = {user.id: user for user in page}
        by_login = {login_key(user.login): user for user in page}
        async with self.database.connection() as connection:
            accounts = await armed_accounts(connection, list(by_id), list(by_login))
        return [(each, by_id[each.okta_id] if each.okta_id else by_login[each.login_key]) for each in accounts]

    def _may_bind(self, account: ArmedAccount, user: OktaUser) -> bool:
        # A user with the same login who never used the hook may be another person, or a test: no hash is deleted for
        # it, and provisioning compares the persons.
        if user.provider == IMPORT or account.state is State.VERIFIED:
            return True
        if user.provider == OWN:
            self.report.own_password_unbound += 1
        else:
            self.report.count_provider(user.provider)
        return False

    def _judge(self, account: ArmedAccount, user: OktaUser) -> list[Judged]:
        if user.provider not in (IMPORT, OWN):
            self.report.count_provider(user.provider)
        retirement = judge_user(user, self.clock())
        return [] if retirement is None else [(account.id, user.id, retirement)]

    async def _retire(self, judged: list[Judged]) -> None:
        if judged:
            await self._read_log()
            self.report.retired += await retire_accounts(self.database, judged)

    async def _read_log(self) -> None:
        await self.read_log()
        self._read_log_at = self.clock() + READ_LOG_EVERY

    async def _look_for_missing(self) -> None:
        async with self.database.connection() as connection:
            missing = MissingUsers(await count_bound(connection), allow_any=self.allow_missing)
        async for account in unseen_accounts(self.database, self._seen):
            user = await self.users.find_user(account.okta_id or "")
            self.report.compared += 1
            if user is None:
                missing.add(account, self.clock())
                self.report.missing = len(missing)
                self.progress(self.report)
            else:
                self._known += 1
                await keep_users(self.database, [user], [], self.forget_when)
                await self._retire(self._judge(account, user))
        await self._retire(missing.judged(known=self._known))

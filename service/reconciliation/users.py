"""Comparison of the armed accounts with the org's users: binding by login, retirement of hashes without a use.

The log is read before anything is retired, so that a SUCCESS wins over the look of a user.
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

# Keep what users say of accounts: their Okta ids, with the events that waited for them, and their logins.

TRIES = 5
"""How often a page is tried again that PostgreSQL ended to break a deadlock."""


async def keep_users(
    database: Database, users: Sequence[OktaUser], found: Sequence[tuple[int, str]], forget_when: ForgetWhen
) -> int:
    """Bind the accounts that were found by login and keep the logins of all, in one transaction. Return how many.

    An Okta id that another account has by now is left alone.
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
            await asyncio.sleep(random.uniform(0, 0.05) * 2**attempt)  # noqa: S311 (spreads retries, guards nothing)
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
    """Read again those of the users that accounts are bound to, and keep their logins. Raises `OktaFault`."""
    async with database.connection() as connection:
        matches = await queries.find_matches(connection, okta_ids, [], lock=False)
    read = [await users.find_user(match.okta_id) for match in matches if match.okta_id]
    await keep_users(database, [user for user in read if user is not None], [], forget_when)


# When an account's hash has no use any more although no SUCCESS came. Pure.
#
# Nobody leaves `IMPORT` but by an imported password (a SUCCESS says so) or by one that was set in Okta: then Okta
# never asks for the legacy password again. Suspended and locked users come back; deactivated ones may, within thirty
# days.

AFTER_DEACTIVATION = timedelta(days=30)


def judge_user(user: OktaUser, now: datetime) -> Retirement | None:
    """Judge whether the hash of the account that this user was created for is of use; None if it is."""
    if user.provider == OWN:
        changed = user.password_changed.isoformat() if user.password_changed else "at an unknown time"
        return Retirement(Proof.PASSWORD_IN_OKTA, f"{user.id} has the provider OKTA, password changed {changed}")
    since = user.status_changed if user.status == Status.DEPROVISIONED else None
    if since is not None and since <= now - AFTER_DEACTIVATION:
        return Retirement(Proof.DEACTIVATED, f"{user.id} is deactivated since {since.isoformat()}")
    return None


def judge_missing(okta_id: str, now: datetime) -> Retirement:
    """Return the proof for a user that Okta does not know any more."""
    return Retirement(Proof.DELETED, f"{okta_id} did not exist any more at {now.isoformat(timespec='seconds')}")


# Users who are not in the org: collected, and refused where they are too many. Asks nobody, and retires nobody.

MOST_MISSING = 0.1
"""The share of accounts beyond which missing users mean another org, or a mistake, rather than deletions."""
FEW = 10
"""So many may be missing whatever their share."""


class TooManyMissing(Exception):
    """So many users do not exist in the org that it is probably another one; nothing was retired for it."""


class MissingUsers:
    """Those of one comparison, of `bound` accounts; `allow_any` takes them however many they are."""

    def __init__(self, bound: int, *, allow_any: bool) -> None:
        self.allowed = max(FEW, int(bound * MOST_MISSING))
        self.allow_any = allow_any
        self._gone: list[Judged] = []

    def __len__(self) -> int:
        return len(self._gone)

    def add(self, account: ArmedAccount, now: datetime) -> None:
        """Take up an account whose user is missing. Raises `TooManyMissing`."""
        okta_id = account.okta_id or ""
        self._gone.append((account.id, account.okta_id, judge_missing(okta_id, now)))
        if len(self) > self.allowed and not self.allow_any:
            raise TooManyMissing

    def judged(self, *, known: int) -> list[Judged]:
        """Return them all, of an org in which so many others are known. Raises `TooManyMissing` if nobody is."""
        if self._gone and not known and not self.allow_any:
            raise TooManyMissing
        return self._gone


# Which accounts a comparison has met, and which bound ones it has not. Judges nobody, and changes nothing.

PAGE = 1000


class SeenAccounts:
    """The accounts that were met: a bit for each id, because there may be fifty million."""

    def __init__(self) -> None:
        self._bits = bytearray()

    def add(self, number: int) -> None:
        """Take up an account's id."""
        missing = number // 8 + 1 - len(self._bits)
        if missing > 0:
            self._bits.extend(bytes(missing + len(self._bits) // 2))
        self._bits[number // 8] |= 1 << number % 8

    def __contains__(self, number: int) -> bool:
        return number // 8 < len(self._bits) and bool(self._bits[number // 8] & 1 << number % 8)


async def unseen_accounts(database: Database, seen: SeenAccounts) -> AsyncIterator[ArmedAccount]:
    """Return the armed accounts with an Okta id that were not met, in the order of id."""
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


# What comparing accounts with the org's users found and did, in numbers. Compares nothing, and prints nothing.


@dataclass
class UsersReport:
    """What the comparison found and did."""

    users: int = 0
    compared: int = 0
    bound: int = 0
    missing: int = 0
    own_password_unbound: int = 0
    """Users with a password of their own and the login of an account that nobody created there: left alone."""
    other_providers: Counter[str] = field(default_factory=Counter)
    retired: Counter[Proof] = field(default_factory=Counter)

    def add(self, later: "UsersReport") -> None:
        """Add what a later comparison found and did."""
        for name in ("users", "compared", "bound", "missing", "own_password_unbound"):
            setattr(self, name, getattr(self, name) + getattr(later, name))
        self.other_providers += later.other_providers
        self.retired += later.retired

    def count_provider(self, provider: str | None) -> None:
        """Count a user who signs in by somebody else than Okta."""
        self.other_providers[provider or "none"] += 1


READ_LOG_EVERY = timedelta(minutes=1)


class Users(Protocol):
    """The users of an org."""

    @property
    def host(self) -> str:
        """The org's name."""
        ...

    def list_users(self, asked: str | None = None) -> AsyncIterator[list[OktaUser]]:
        """List users page by page; without a filter, all but the deactivated."""
        ...

    async def find_user(self, id_or_login: str) -> OktaUser | None:
        """Find one by id or login."""
        ...


class UserComparison:
    """One comparison. `read_log` catches up with the log, `allow_missing` retires however many are missing."""

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
        """Compare all. Raises `OktaFault`, `TooManyMissing`, or what the database raises."""
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
            # Comparing millions takes hours, in which people go on signing in.
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
        # Someone of the same login who never asked us may be somebody else, or a test: no hash goes for that, and
        # provisioning compares the persons.
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

"""Compare the armed accounts with the org's users: bind those that we find by login, retire what has no use. No HTTP.

The log is read before anything is retired, so that a SUCCESS wins over the look of a user.
"""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

from service.accounts import cursors, tombstones
from service.accounts.account import State
from service.accounts.database import Database
from service.accounts.names import login_key
from service.accounts.retiring import ArmedAccount, armed_accounts, armed_after, count_bound
from service.accounts.tombstones import Gate
from service.actions.record_events import apply_set_aside
from service.actions.retire_accounts import retire_accounts
from service.okta.users import IMPORT, OWN, OktaUser
from service.policies.retiring import Proof, Retirement, judge_missing, judge_user
from service.settings import ForgetWhen

PAGE = 1000
MOST_MISSING = 0.1
"""The share of accounts beyond which missing users mean another org, or a mistake, rather than deletions."""
FEW = 10
"""So many may be missing whatever their share."""
READ_LOG_EVERY = timedelta(minutes=1)

Judged = tuple[int, str | None, Retirement]


class TooManyMissing(Exception):
    """So many users do not exist in the org that it is probably another one; nothing was retired for it."""


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
        told: Callable[[UsersReport], None] = lambda _report: None,
    ) -> None:
        self.database = database
        self.users = users
        self.forget_when = forget_when
        self.read_log = read_log
        self.allow_missing = allow_missing
        self.clock = clock
        self.told = told
        self.report = UsersReport()
        self._seen = _Seen()
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
            await cursors.save_compared(connection, self.users.host, begun)
        return self.report

    async def _compare(self, page: Sequence[OktaUser]) -> None:
        by_id = {user.id: user for user in page}
        by_login = {login_key(user.login): user for user in page}
        async with self.database.connection() as connection:
            accounts = await armed_accounts(connection, list(by_id), list(by_login))
        binds: list[tuple[int, str]] = []
        judged: list[Judged] = []
        for account in accounts:
            user = by_id[account.okta_id] if account.okta_id else by_login[account.login_key]
            if account.okta_id is None and not self._may_bind(account, user):
                continue
            if account.okta_id is None:
                binds.append((account.id, user.id))
            self._seen.add(account.id)
            self._known += 1
            judged += self._judge(account, user)
        self.report.users += len(page)
        self.report.compared += len(accounts)
        if self.clock() >= self._read_log_at:
            # Comparing millions takes hours, in which people go on signing in.
            await self._read_log()
        await self._bind(binds)
        await self._retire(judged)
        self.told(self.report)

    def _may_bind(self, account: ArmedAccount, user: OktaUser) -> bool:
        # Someone of the same login who never asked us may be somebody else, or a test: no hash goes for that, and
        # provisioning compares the persons.
        if user.provider == IMPORT or account.state is State.VERIFIED:
            return True
        if user.provider == OWN:
            self.report.own_password_unbound += 1
        else:
            self.report.other_providers[user.provider or "none"] += 1
        return False

    def _judge(self, account: ArmedAccount, user: OktaUser) -> list[Judged]:
        if user.provider not in (IMPORT, OWN):
            self.report.other_providers[user.provider or "none"] += 1
        retirement = judge_user(user, self.clock())
        return [] if retirement is None else [(account.id, user.id, retirement)]

    async def _bind(self, pairs: list[tuple[int, str]]) -> None:
        if not pairs:
            return
        async with self.database.transaction() as connection:
            await tombstones.pass_gate(connection, Gate.CLOSED)
            taken = await tombstones.find_matches(connection, [okta_id for _, okta_id in pairs], [], lock=False)
            free = [pair for pair in pairs if pair[1] not in {match.okta_id for match in taken}]
            await tombstones.bind(connection, sorted(free))
            await apply_set_aside(connection, [account_id for account_id, _ in free], self.forget_when)
        self.report.bound += len(free)

    async def _retire(self, judged: list[Judged]) -> None:
        if judged:
            await self._read_log()
            self.report.retired += await retire_accounts(self.database, judged)

    async def _read_log(self) -> None:
        await self.read_log()
        self._read_log_at = self.clock() + READ_LOG_EVERY

    async def _look_for_missing(self) -> None:
        async with self.database.connection() as connection:
            allowed = max(FEW, int(await count_bound(connection) * MOST_MISSING))
        gone: list[Judged] = []
        async for account in self._unseen():
            user = await self.users.find_user(account.okta_id or "")
            self.report.compared += 1
            if user is not None:
                self._known += 1
                await self._retire(self._judge(account, user))
                continue
            gone.append((account.id, account.okta_id, judge_missing(account.okta_id or "", self.clock())))
            self.report.missing = len(gone)
            if len(gone) > allowed and not self.allow_missing:
                raise TooManyMissing
            self.told(self.report)
        if gone and not self._known and not self.allow_missing:
            raise TooManyMissing
        await self._retire(gone)

    async def _unseen(self) -> AsyncIterator[ArmedAccount]:
        last = 0
        while True:
            async with self.database.connection() as connection:
                accounts = await armed_after(connection, last, PAGE)
            if not accounts:
                return
            last = accounts[-1].id
            for account in accounts:
                if account.id not in self._seen:
                    yield account


class _Seen:
    """Which accounts were met: a bit for each id, because there may be fifty million."""

    def __init__(self) -> None:
        self._bits = bytearray()

    def add(self, number: int) -> None:
        missing = number // 8 + 1 - len(self._bits)
        if missing > 0:
            self._bits.extend(bytes(missing + len(self._bits) // 2))
        self._bits[number // 8] |= 1 << number % 8

    def __contains__(self, number: int) -> bool:
        return number // 8 < len(self._bits) and bool(self._bits[number // 8] & 1 << number % 8)

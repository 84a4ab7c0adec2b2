"""Compare the armed accounts with the org's users: bind those that we find by login, retire what has no use. No HTTP.

The log is read before anything is retired, so that a SUCCESS wins over the look of a user.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

from service.accounts import cursors
from service.accounts.account import State
from service.accounts.database import Database
from service.accounts.names import login_key
from service.accounts.retiring import ArmedAccount, armed_accounts, count_bound
from service.actions.bind_found import bind_found
from service.actions.missing_users import MissingUsers
from service.actions.retire_accounts import Judged, retire_accounts
from service.actions.seen_accounts import SeenAccounts, unseen_accounts
from service.actions.users_report import UsersReport
from service.okta.users import IMPORT, OWN, OktaUser
from service.policies.retiring import judge_user
from service.settings import ForgetWhen

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
            await cursors.save_compared(connection, self.users.host, begun)
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
        self.report.bound += await bind_found(self.database, found, self.forget_when)
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
                await self._retire(self._judge(account, user))
        await self._retire(missing.judged(known=self._known))

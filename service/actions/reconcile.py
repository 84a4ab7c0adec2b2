"""Reconcile with an org: its log first, then its users, so that a SUCCESS wins. Puts the two together; no HTTP."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from service.accounts.database import Database
from service.actions.log_report import LogReport
from service.actions.reconcile_log import Log, LogReader
from service.actions.reconcile_users import UserComparison, Users
from service.actions.users_report import UsersReport
from service.settings import ForgetWhen


class Org(Log, Users, Protocol):
    """What reconciling needs of an org."""


@dataclass
class Report:
    """What a reconciliation read, found and did."""

    log: LogReport = field(default_factory=LogReport)
    users: UsersReport | None = None


class Reconciliation:
    """The steps of a reconciliation, over a database that is fenced by its lease."""

    def __init__(
        self,
        database: Database,
        org: Org,
        forget_when: ForgetWhen,
        *,
        allow_missing: bool = False,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        progress: Callable[[Report], None] = lambda _report: None,
    ) -> None:
        self.database = database
        self.org = org
        self.forget_when = forget_when
        self.allow_missing = allow_missing
        self.clock = clock
        self.report = Report()
        self._progress = progress

    async def run(self, since: datetime | None = None, *, users: bool = True) -> Report:
        """Do it all once; `users` false compares the users only where events are lost. Raises `OktaFault`."""
        self.report.log = await self.read_log(since)
        self.report.log.add_again(await self.rescan(since))
        if users or self.report.log.incomplete:
            self.report.users = await self.compare_users()
        return self.report

    async def read_log(self, since: datetime | None = None) -> LogReport:
        """Catch up with the log."""
        return await self._reader().catch_up(since)

    async def rescan(self, since: datetime | None = None) -> LogReport:
        """Look for events that were persisted late."""
        return await self._reader().rescan(since)

    async def compare_users(self) -> UsersReport:
        """Compare the accounts with the org's users. Raises `TooManyMissing`."""
        comparison = UserComparison(
            self.database,
            self.org,
            self.forget_when,
            self._read_more,
            allow_missing=self.allow_missing,
            clock=self.clock,
            progress=self._users_progress,
        )
        return await comparison.run()

    async def _read_more(self) -> None:
        more = await self.read_log()
        self.report.log.add(more)

    def _reader(self) -> LogReader:
        return LogReader(self.database, self.org, self.forget_when, clock=self.clock, progress=self._log_progress)

    def _log_progress(self, report: LogReport) -> None:
        self._progress(Report(report, self.report.users))

    def _users_progress(self, report: UsersReport) -> None:
        self._progress(Report(self.report.log, report))

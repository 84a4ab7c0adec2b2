"""Reconciliation with an org: first its log, then its users, so that a SUCCESS wins."""

import asyncio
import contextlib
import math
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from service.immutable import immutable
from service.okta.errors import OktaFault
from service.reconciliation.queries import find_cursor
from service.reconciliation.system_log import Log, LogReader, LogReport
from service.reconciliation.users import TooManyMissing, UserComparison, Users, UsersReport, read_users_again
from service.settings import ForgetWhen
from service.store.database import DATABASE_UNAVAILABLE, Database
from service.store.leases import LIFE, RECONCILE, Held, LeaseLost, hold_lease


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
        return LogReader(
            self.database,
            self.org,
            self.forget_when,
            clock=self.clock,
            progress=self._log_progress,
            read_again=self._read_users_again,
        )

    async def _read_users_again(self, okta_ids: Sequence[str]) -> None:
        await read_users_again(self.database, self.org, okta_ids, self.forget_when)

    def _log_progress(self, report: LogReport) -> None:
        self._progress(Report(report, self.report.users))

    def _users_progress(self, report: UsersReport) -> None:
        self._progress(Report(self.report.log, report))


# Reconcile for as long as the service runs: the log every few seconds, a second look and the users now and then.
#
# One replica does it at a time, under a lease; the others wait to take it over. Faults of Okta or of the database end
# nothing.

AFTER_A_FAULT = 30.0
"""Seconds; Okta's limits are shared with others."""
Progress = Callable[[str, dict[str, Any]], None]


@immutable
class Rhythm:
    """How often what is done, in seconds."""

    log: float = 10.0
    again: float = 3600.0
    users: float = 86400.0
    life: timedelta = LIFE


async def follow(
    database: Database,
    org: Org,
    forget_when: ForgetWhen,
    *,
    stop: asyncio.Event,
    progress: Progress,
    rhythm: Rhythm | None = None,
) -> None:
    """Reconcile until `stop` is set. Every fault is told, and tried again."""
    rhythm = rhythm or Rhythm()
    waiting = False
    while not stop.is_set():
        try:
            async with hold_lease(database, RECONCILE, life=rhythm.life) as fenced:
                progress("reconciling", {"org": org.host})
                waiting = False
                await _until(stop, _follow(Reconciliation(fenced, org, forget_when), rhythm, stop, progress))
        except Held as held:
            if not waiting:
                progress("another_reconciles", {"reason": str(held)})
            waiting = True
            await _pause(stop, rhythm.life.total_seconds() / 3)
        except LeaseLost:
            progress("lease_lost", {})
        except (OktaFault, *DATABASE_UNAVAILABLE, TimeoutError) as error:
            progress("reconcile_failed", {"fault": _fault(error)})
            await _pause(stop, min(AFTER_A_FAULT, rhythm.log * 3))


async def _until(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    """Work until told to stop: comparing users may take hours, and may be given up at any point."""
    working, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
    finally:
        working.cancel()
        stopping.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await working


async def _follow(work: Reconciliation, rhythm: Rhythm, stop: asyncio.Event, progress: Progress) -> None:
    clock = asyncio.get_running_loop().time
    again, users = await _last_done(work)
    again_at, users_at = clock() + rhythm.again - again, clock() + rhythm.users - users
    while not stop.is_set():
        report = await work.read_log()
        if clock() >= again_at:
            report.add_again(await work.rescan())
            again_at = clock() + rhythm.again
        if clock() >= users_at or report.incomplete:
            await _compare(work, progress)
            users_at = clock() + rhythm.users
        for warning in report.warnings:
            progress("log_warning", {"reason": warning})
        if report.effects:
            progress("reconciled", {"effects": {effect.value: number for effect, number in report.effects.items()}})
        await _pause(stop, rhythm.log)


async def _last_done(work: Reconciliation) -> tuple[float, float]:
    """Tell how many seconds ago the second look and the comparison were done, by whomever."""
    async with work.database.connection() as connection:
        cursor = await find_cursor(connection, work.org.host)
    if cursor is None:
        return math.inf, math.inf
    done = (cursor.rescanned_until, cursor.users_compared_at)
    again, users = (math.inf if moment is None else (work.clock() - moment).total_seconds() for moment in done)
    return again, users


async def _compare(work: Reconciliation, progress: Progress) -> None:
    try:
        found = await work.compare_users()
    except TooManyMissing:
        progress("too_many_missing", {"reason": "so many users are missing that this is probably another org"})
        return
    retired = {proof.value: number for proof, number in found.retired.items()}
    progress("users_compared", {"count": found.compared, "bound": found.bound, "retired": retired})


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()


def _fault(error: BaseException) -> str:
    # Okta's texts are meant for people; a message of the database may quote a row.
    return str(error) if isinstance(error, OktaFault) else type(error).__name__

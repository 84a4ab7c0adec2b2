"""Reconciliation with an org: first its log, then its users, so that a SUCCESS takes precedence."""

import asyncio
import contextlib
import copy
import math
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from service.immutable import immutable
from service.okta.errors import OktaFault
from service.reconciliation import queries
from service.reconciliation.hook_calls import HookCallReader, keep_reading
from service.reconciliation.queries import find_cursor
from service.reconciliation.system_log import Log, LogReader, LogReport
from service.reconciliation.users import TooManyMissing, UserComparison, Users, UsersReport, read_users_again
from service.settings import ForgetWhen
from service.store.database import DATABASE_UNAVAILABLE, Database
from service.store.leases import LIFE, RECONCILE, Held, LeaseLost, hold_lease
from service.store.name_report import count_names


class Org(Log, Users, Protocol):
    """The parts of an org that reconciliation needs."""


@dataclass
class Report:
    """The results of a reconciliation."""

    log: LogReport = field(default_factory=LogReport)
    users: UsersReport | None = None


class Reconciliation:
    """The steps of a reconciliation, with a database that is fenced by its lease."""

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
        """Run all steps once; `users` says whether the users are compared. Raises `OktaFault`."""
        asked = await self.reread_since()
        begin = min((each for each in (since, asked) if each is not None), default=None)
        self.report.log = await self.read_log(begin)
        self.report.log.add_again(await self.rescan(begin))
        await self.end_reread(asked)
        if users:
            self.report.users = await self.compare_users()
        while (asked := await self.reread_since()) is not None:  # requested meanwhile
            self.report.log.add_again(await self.read_log(asked))
            self.report.log.add_again(await self.rescan(asked))
            await self.end_reread(asked)
        return self.report

    async def reread_since(self) -> datetime | None:
        """Return the time from which another command requested reading the log again, while the lease was held."""
        async with self.database.connection() as connection:
            return await queries.find_reread(connection)

    async def end_reread(self, since: datetime | None) -> None:
        """Mark the request as done; a process that dies before this reads again, which changes nothing."""
        if since is not None:
            async with self.database.transaction() as connection:
                await queries.end_reread(connection, since)

    async def read_log(
        self, since: datetime | None = None, progress: Callable[[LogReport], None] | None = None
    ) -> LogReport:
        """Read the new entries of the log."""
        return await self._reader(progress).catch_up(since)

    async def rescan(self, since: datetime | None = None) -> LogReport:
        """Search for events that were persisted late."""
        return await self._reader(self._progress_with(LogReport.add_again)).rescan(since)

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
        report = await comparison.run()
        async with self.database.connection() as connection:
            await count_names(connection)
        return report

    async def _read_more(self) -> None:
        more = await self.read_log(progress=self._progress_with(LogReport.add))
        self.report.log.add(more)

    def _reader(self, progress: Callable[[LogReport], None] | None = None) -> LogReader:
        return LogReader(
            self.database,
            self.org,
            self.forget_when,
            clock=self.clock,
            progress=progress or self._log_progress,
            read_again=self._read_users_again,
        )

    async def _read_users_again(self, okta_ids: Sequence[str]) -> None:
        await read_users_again(self.database, self.org, okta_ids, self.forget_when)

    def _log_progress(self, report: LogReport) -> None:
        self._progress(Report(report, self.report.users))

    def _progress_with(self, add: Callable[[LogReport, LogReport], None]) -> Callable[[LogReport], None]:
        """Report earlier and current results together, so that the last report of a stopped run is complete."""

        def report(log: LogReport) -> None:
            both = copy.deepcopy(self.report.log)
            add(both, log)
            self._log_progress(both)

        return report

    def _users_progress(self, report: UsersReport) -> None:
        self._progress(Report(self.report.log, report))


# Continuous reconciliation: the log every few seconds, a rescan and the users at longer intervals.
#
# One replica reconciles at a time, under a lease; the others wait to take over. Errors of Okta or of the database do
# not end it.

AFTER_A_FAULT = 30.0
"""Seconds; Okta's limits are shared with other clients."""
Progress = Callable[[str, dict[str, Any]], None]


@immutable
class Rhythm:
    """The intervals of the steps, in seconds."""

    log: float = 10.0
    again: float = 3600.0
    users: float = 86400.0
    life: timedelta = LIFE


async def follow(  # noqa: PLR0913 (each is an option of the command)
    database: Database,
    org: Org,
    forget_when: ForgetWhen,
    *,
    stop: asyncio.Event,
    progress: Progress,
    rhythm: Rhythm | None = None,
    users: bool = True,
    allow_missing: bool = False,
    totals: Report | None = None,
    hook_calls: Callable[[Database], HookCallReader] | None = None,
) -> None:
    """Reconcile until `stop` is set. Every error is logged, and the step retried.

    `users` says whether the users are compared, `allow_missing` is that of `Reconciliation`; results are added to
    `totals`. `hook_calls` creates the reader of our hooks' calls, which runs concurrently.
    """
    totals = Report() if totals is None else totals
    rhythm = rhythm or Rhythm()
    waiting = False
    while not stop.is_set():
        try:
            async with hold_lease(database, RECONCILE, life=rhythm.life) as fenced:
                progress("reconciling", {"org": org.host})
                waiting = False
                work = Reconciliation(fenced, org, forget_when, allow_missing=allow_missing)
                following = _Following(work, rhythm, stop, progress, totals, users=users)
                calls = _spawn(keep_reading(hook_calls(fenced), stop, progress)) if hook_calls else None
                try:
                    await _until(stop, following.run())
                finally:
                    await _end(calls)
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


def _spawn(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    return asyncio.create_task(work)


async def _end(task: asyncio.Task[None] | None) -> None:
    if task is not None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _until(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    """Work until `stop` is set: comparing users may take hours, and can be cancelled at any point."""
    working, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
    finally:
        working.cancel()
        stopping.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await working


class _Following:
    """The work done while the lease is held."""

    def __init__(
        self,
        work: Reconciliation,
        rhythm: Rhythm,
        stop: asyncio.Event,
        progress: Progress,
        totals: Report,
        *,
        users: bool,
    ) -> None:
        self.work = work
        self.rhythm = rhythm
        self.stop = stop
        self.progress = progress
        self.totals = totals
        self.users = users
        self._clock = asyncio.get_running_loop().time

    async def run(self) -> None:
        """Read the log every few seconds; rescan and compare users at longer intervals."""
        again, users = await _last_done(self.work)
        again_at = self._clock() + self.rhythm.again - again
        users_at = self._clock() + self.rhythm.users - users
        while not self.stop.is_set():
            asked = await self.work.reread_since()
            report = await self.work.read_log(asked)
            if asked is not None or self._clock() >= again_at:
                report.add_again(await self.work.rescan(asked))
                await self.work.end_reread(asked)
                again_at = self._clock() + self.rhythm.again
            if self.users and (self._clock() >= users_at or report.incomplete):
                await self._compare()
                users_at = self._clock() + self.rhythm.users
            self._report(report)
            await _pause(self.stop, self.rhythm.log)

    def _report(self, report: LogReport) -> None:
        self.totals.log.add(report)
        for warning in report.warnings:
            self.progress("log_warning", {"reason": warning})
        if report.effects:
            effects = {effect.value: number for effect, number in report.effects.items()}
            self.progress("reconciled", {"effects": effects})

    async def _compare(self) -> None:
        try:
            found = await self.work.compare_users()
        except TooManyMissing:
            reason = "so many users are missing that this is probably another org; --allow-missing retires them"
            self.progress("too_many_missing", {"reason": reason})
            return
        self.totals.users = self.totals.users or UsersReport()
        self.totals.users.add(found)
        retired = {proof.value: number for proof, number in found.retired.items()}
        self.progress("users_compared", {"count": found.compared, "bound": found.bound, "retired": retired})


async def _last_done(work: Reconciliation) -> tuple[float, float]:
    """Return how many seconds ago any process last did the rescan and the comparison."""
    async with work.database.connection() as connection:
        cursor = await find_cursor(connection, work.org.host)
    if cursor is None:
        return math.inf, math.inf
    done = (cursor.rescanned_until, cursor.users_compared_at)
    again, users = (math.inf if moment is None else (work.clock() - moment).total_seconds() for moment in done)
    return again, users


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()


def _fault(error: BaseException) -> str:
    # Okta's texts are meant for people; a database message may quote a row.
    return str(error) if isinstance(error, OktaFault) else type(error).__name__

"""Reading of the System Log: every import event is applied as if the event hook had delivered it.

Event hooks are best effort; only the log ensures that no SUCCESS is lost. Reading continues at the saved link, which is
saved after the events before it are committed. A process that dies in between reads them again, which changes nothing.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

from service.import_events.decide import Effect
from service.import_events.record import Channel, record_delivery
from service.okta.errors import MalformedAnswer, Refused
from service.okta.events import read_events
from service.okta.system_log import (
    FOLLOWED,
    PAGE,
    RETENTION,
    Page,
    bounded,
    newest_of,
    polling,
    users_to_read_again,
)
from service.reconciliation import queries
from service.reconciliation.queries import LogCursor
from service.settings import ForgetWhen
from service.store.database import Database

# The results of reading the System Log, in numbers and warnings. No I/O.

WARN_BEFORE = timedelta(days=14)
"""A warning is given this long before unread entries of the log expire."""
INSTEAD = "comparing the accounts with the org's users finds those who have migrated (not with --no-users)"


@dataclass
class LogReport:
    """What was read and its effects."""

    since: datetime | None = None
    """The time from which the log was read; None if reading continued at a saved link."""
    pages: int = 0
    events: int = 0
    unreadable: int = 0
    effects: Counter[Effect] = field(default_factory=Counter)
    cursor_lost: bool = False
    warnings: list[str] = field(default_factory=list)
    """Warnings for the operator."""
    incomplete: bool = False
    """Whether events may be lost for good: the accounts must be compared with the org's users."""

    def add(self, later: "LogReport") -> None:
        """Add the results of continued reading."""
        self.pages += later.pages
        self.events += later.events
        self.unreadable += later.unreadable
        self.effects += later.effects

    def add_again(self, again: "LogReport") -> None:
        """Add the results of a rescan, most of whose events were counted before."""
        self.pages += again.pages
        self.effects += again.effects

    def lose_cursor(self) -> None:
        """Record that Okta does not accept the saved link any more."""
        self.cursor_lost = self.incomplete = True
        self.warnings.append("the saved link into the log has expired; the log is read again")

    def lose_events_before(self, earliest: datetime) -> None:
        """Record that the requested time is before the start of Okta's log."""
        self.incomplete = True
        self.warnings.append(
            f"Okta keeps its log for {RETENTION.days} days: events before {earliest:%Y-%m-%d} cannot be read; {INSTEAD}"
        )

    def warn_of_age(self, saved_at: datetime, now: datetime) -> None:
        """Warn if the log was last read so long ago that events are lost, or soon will be."""
        left = RETENTION - (now - saved_at)
        read = f"the log was last read {(now - saved_at).days} days ago; Okta keeps it for {RETENTION.days}"
        if left <= timedelta():
            self.incomplete = True
            self.warnings.append(f"{read}, so events are lost; {INSTEAD}")
        elif left < WARN_BEFORE:
            self.warnings.append(f"{read} days")


OVERLAP = timedelta(hours=24)
"""How far a rescan reaches back before the previous one; Okta does not limit the delay of an event."""
MARGIN = timedelta(hours=1)
"""Allowance for clock differences, and for events that were being persisted when a link was saved."""


class Log(Protocol):
    """The System Log of an org."""

    @property
    def host(self) -> str:
        """The org's name."""
        ...

    async def log_page(self, query: Mapping[str, str]) -> Page:
        """Return the first page of a query, and the link to the next."""
        ...

    async def next_log_page(self, link: str) -> Page:
        """Return the page of a link."""
        ...


class LogReader:
    """Reads one org's log into the store."""

    def __init__(
        self,
        database: Database,
        log: Log,
        forget_when: ForgetWhen,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        progress: Callable[[LogReport], None] = lambda _report: None,
        read_again: Callable[[Sequence[str]], Awaitable[None]] | None = None,
    ) -> None:
        """Read `log`; `read_again` reads users again by id if their logins may have changed."""
        self.database = database
        self.log = log
        self.read_again = read_again
        self.forget_when = forget_when
        self.clock = clock
        self.progress = progress

    async def catch_up(self, since: datetime | None = None) -> LogReport:
        """Read all new entries, or all since a time. Raises `OktaFault` or database errors."""
        async with self.database.connection() as connection:
            cursor = await queries.find_cursor(connection, self.log.host)
            oldest = await queries.oldest_account(connection)
        report = LogReport()
        begun = asked = self.clock()
        items, link = await self._first_page(report, cursor, since, oldest)
        # Until the end is reached, only entries persisted before the start are certain to have been read.
        read_until = report.since or (cursor.saved_at if cursor else begun)
        while True:
            await self._apply(report, items)
            newest = newest_of(items)
            # With `since`, all users are compared after the log is read.
            if self.read_again is not None and report.since is None and (changed := users_to_read_again(items)):
                await self.read_again(changed)
            # A busy log never ends: entries after the start are left for the next run.
            ended = not items or (len(items) < PAGE and newest is not None and newest > begun)
            if link is None:
                return report
            async with self.database.transaction() as connection:
                until = asked if ended else read_until
                await queries.save_cursor(connection, self.log.host, link, until, FOLLOWED)
            if ended:
                return report
            asked = self.clock()
            items, link = await self.log.next_log_page(link)

    async def rescan(self, since: datetime | None = None) -> LogReport:
        """Read a bounded period again, overlapping the previous rescan, for events that were persisted late."""
        async with self.database.connection() as connection:
            cursor = await queries.find_cursor(connection, self.log.host)
        until = self.clock()
        last = (cursor and cursor.rescanned_until) or until
        begin = max(min(since or until, last - OVERLAP), until - RETENTION)
        report = LogReport(since=begin)
        items, link = await self.log.log_page(bounded(begin, until))
        await self._apply(report, items)
        while link is not None:
            items, link = await self.log.next_log_page(link)
            await self._apply(report, items)
        async with self.database.transaction() as connection:
            await queries.save_rescanned(connection, self.log.host, until)
        return report

    async def _first_page(
        self, report: LogReport, cursor: LogCursor | None, since: datetime | None, oldest: datetime | None
    ) -> Page:
        if since is None and cursor is not None:
            report.warn_of_age(cursor.saved_at, self.clock())
        if since is None and cursor is not None and cursor.filter == FOLLOWED:
            try:
                return await self.log.next_log_page(cursor.next_link)
            except (Refused, MalformedAnswer) as error:
                if isinstance(error, Refused) and error.is_about_us:
                    raise
                report.lose_cursor()
        if cursor is not None:
            # A later time would skip unread entries permanently, since the next saved link is after them.
            since = min(since or cursor.saved_at, cursor.saved_at - MARGIN)
        return await self._page_since(report, since, oldest)

    async def _page_since(self, report: LogReport, since: datetime | None, oldest: datetime | None) -> Page:
        earliest = self.clock() - RETENTION
        wanted = since or oldest
        if wanted is not None and wanted < earliest:
            report.lose_events_before(earliest)
        report.since = max(since or earliest, earliest)
        return await self.log.log_page(polling(report.since, FOLLOWED))

    async def _apply(self, report: LogReport, items: list[object]) -> None:
        """Apply the import events of a page."""
        delivery = read_events(items)
        effects = await record_delivery(self.database, delivery, channel=Channel.LOG, forget_when=self.forget_when)
        report.pages += 1
        report.events += len(delivery.events)
        report.unreadable += len(delivery.unreadable)
        report.effects += effects
        self.progress(report)

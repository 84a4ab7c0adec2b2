"""Catch up with the System Log: every import event that Okta has, applied as if the event hook had brought it.

Event hooks are best effort; the log is what makes "no SUCCESS lost" true. Reading goes on where it stopped, by the link
that Okta gave; the link is saved after the events before it are committed, so whoever dies in between reads them again,
which changes nothing. Knows no HTTP.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Protocol

from service.accounts import cursors
from service.accounts.cursors import LogCursor
from service.accounts.database import Database
from service.actions.log_report import LogReport
from service.actions.record_events import Channel, record_delivery
from service.okta.events import read_events
from service.okta.faults import MalformedAnswer, Refused
from service.okta.log_queries import PAGE, RETENTION, bounded, polling
from service.settings import ForgetWhen

OVERLAP = timedelta(hours=24)
"""How far a second look reaches back before the last one; Okta promises no most for the delay of an event."""
MARGIN = timedelta(hours=1)
"""For clocks, and for events that were under way when a link was saved."""

Page = tuple[list[object], str | None]


class Log(Protocol):
    """The System Log of an org."""

    @property
    def host(self) -> str:
        """The org's name."""
        ...

    async def log_page(self, query: Mapping[str, str]) -> Page:
        """Get the first page of a question, and the link to the next."""
        ...

    async def next_log_page(self, link: str) -> Page:
        """Get the page that a link leads to."""
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
    ) -> None:
        self.database = database
        self.log = log
        self.forget_when = forget_when
        self.clock = clock
        self.progress = progress

    async def catch_up(self, since: datetime | None = None) -> LogReport:
        """Read all that is new, or all since a moment. Raises `OktaFault`, or what the database raises."""
        async with self.database.connection() as connection:
            cursor = await cursors.find_cursor(connection, self.log.host)
            oldest = await cursors.oldest_account(connection)
        report = LogReport()
        begun = asked = self.clock()
        items, link = await self._first_page(report, cursor, since, oldest)
        # Before the end is reached, only what was persisted until then is surely read.
        read_until = report.since or (cursor.saved_at if cursor else begun)
        while True:
            newest = await self._apply(report, items)
            # A busy log is never empty: what happened after we began is for the next time.
            ended = not items or (len(items) < PAGE and newest is not None and newest > begun)
            if link is None:
                return report
            async with self.database.transaction() as connection:
                await cursors.save_cursor(connection, self.log.host, link, asked if ended else read_until)
            if ended:
                return report
            asked = self.clock()
            items, link = await self.log.next_log_page(link)

    async def rescan(self, since: datetime | None = None) -> LogReport:
        """Read a bounded span once more, overlapping the last one, for events that were persisted late."""
        async with self.database.connection() as connection:
            cursor = await cursors.find_cursor(connection, self.log.host)
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
            await cursors.save_rescanned(connection, self.log.host, until)
        return report

    async def _first_page(
        self, report: LogReport, cursor: LogCursor | None, since: datetime | None, oldest: datetime | None
    ) -> Page:
        if since is None and cursor is not None:
            report.warn_of_age(cursor.saved_at, self.clock())
            try:
                return await self.log.next_log_page(cursor.next_link)
            except (Refused, MalformedAnswer) as error:
                if isinstance(error, Refused) and error.is_about_us:
                    raise
                report.lose_cursor()
        if cursor is not None:
            # A later moment would skip for ever what was not read yet: the link that is saved next lies behind it.
            since = min(since or cursor.saved_at, cursor.saved_at - MARGIN)
        return await self._page_since(report, since, oldest)

    async def _page_since(self, report: LogReport, since: datetime | None, oldest: datetime | None) -> Page:
        earliest = self.clock() - RETENTION
        wanted = since or oldest
        if wanted is not None and wanted < earliest:
            report.lose_events_before(earliest)
        report.since = max(since or earliest, earliest)
        return await self.log.log_page(polling(report.since))

    async def _apply(self, report: LogReport, items: list[object]) -> datetime | None:
        """Apply a page; give when its newest event was published."""
        delivery = read_events(items)
        effects = await record_delivery(self.database, delivery, channel=Channel.LOG, forget_when=self.forget_when)
        report.pages += 1
        report.events += len(delivery.events)
        report.unreadable += len(delivery.unreadable)
        report.effects += effects
        self.progress(report)
        return max((event.published for event in delivery.events if event.published), default=None)

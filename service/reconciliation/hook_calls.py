"""Okta's view of hook calls: calls of our hooks in the System Log, joined with our own verdicts.

They are read with a cursor of their own and a lower share of the rate limit, so they never delay the import events. The
link is saved in the transaction that stores the events before it; a repeated event is stored once.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from service.okta.errors import MalformedAnswer, OktaFault, Refused
from service.okta.hook_calls import HOOK_CALLS, HookCall, read_hook_calls
from service.okta.system_log import RETENTION, Page, polling
from service.reconciliation import queries
from service.reconciliation.system_log import Log
from service.store.database import DATABASE_UNAVAILABLE, Database
from service.store.leases import LeaseLost

MARGIN = timedelta(hours=1)
EVERY = 60.0
"""Seconds between reads, so an alert on these calls may be a minute late."""


class HookCallReader:
    """Reads one org's log for calls of our hooks. `keep`: how far back, at most."""

    def __init__(
        self,
        database: Database,
        log: Log,
        *,
        keep: timedelta = RETENTION,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.database = database
        self.log = log
        self.keep = min(keep, RETENTION)
        self.clock = clock

    async def catch_up(self) -> int:
        """Read all new calls; return their number. Raises `OktaFault` or database errors."""
        read = 0
        items, link = await self._first_page()
        while True:
            calls = await self._ours(list(read_hook_calls(items)))
            async with self.database.transaction() as connection:
                read += await queries.record_hook_calls(connection, self.log.host, calls)
                if link is not None:
                    await queries.save_call_cursor(connection, self.log.host, link, self.clock())
            if link is None or not items:
                return read
            items, link = await self.log.next_log_page(link)

    async def _first_page(self) -> Page:
        async with self.database.connection() as connection:
            cursor = await queries.find_call_cursor(connection, self.log.host)
        earliest = self.clock() - self.keep
        if cursor is None:
            return await self.log.log_page(polling(earliest, HOOK_CALLS))
        link, saved_at = cursor
        try:
            return await self.log.next_log_page(link)
        except (Refused, MalformedAnswer) as error:
            if isinstance(error, Refused) and error.is_about_us:
                raise
            # The link has expired: start an hour before it was saved; repeated events change nothing.
            return await self.log.log_page(polling(max(saved_at - MARGIN, earliest), HOOK_CALLS))

    async def _ours(self, calls: Sequence[HookCall]) -> Sequence[HookCall]:
        """Skip calls of other services' hooks, if our hooks are known."""
        async with self.database.connection() as connection:
            own = await queries.own_hook_ids(connection, self.log.host)
        return [call for call in calls if not own or call.hook_id is None or call.hook_id in own]


async def keep_reading(
    reader: HookCallReader, stop: asyncio.Event, progress: Callable[[str, dict[str, Any]], None], every: float = EVERY
) -> None:
    """Read until `stop` is set or the lease is lost. Errors are logged and end neither this nor anything else."""
    while not stop.is_set():
        try:
            if count := await reader.catch_up():
                progress("hook_calls_read", {"count": count})
        except LeaseLost:
            return
        except (OktaFault, *DATABASE_UNAVAILABLE, TimeoutError) as error:
            # Okta's texts are meant for people; a database message may quote a row.
            fault = str(error) if isinstance(error, OktaFault) else type(error).__name__
            progress("hook_calls_failed", {"fault": fault})
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(every):
                await stop.wait()

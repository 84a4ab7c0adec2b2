"""A buffer of audit entries, written in batches shortly after the responses.

So a refused sign-in costs no write of its own. Changes to an account are recorded in their own transaction.
"""

import asyncio
import hashlib
import itertools
import secrets
from collections import deque
from datetime import UTC, datetime

import structlog

from service.store import audit
from service.store.audit import Action, Entry
from service.store.database import DATABASE_UNAVAILABLE, Database
from service.telemetry import describe

log = structlog.get_logger()

FLUSH_EVERY = 1.0
"""Seconds until an entry is written; a process that is killed loses the unwritten ones."""
MOST = 5_000
"""Maximum number of buffered entries; more are only counted, so that an attack fills neither memory nor disk."""
BATCH = 1_000
"""Entries written per `FLUSH_EVERY`: at most 86 million a day."""
PIECE = 200
"""Entries per statement: they are encoded together, which must not stall the loop."""


_CODES, _KEY = itertools.count(), secrets.token_bytes(32)


def new_code() -> str:
    """Return a random code for an answer: 64 unpredictable bits without meaning."""
    # Requesting random bits from the system each time takes a fiftieth of a sign-in with a fast hash.
    return hashlib.blake2b(next(_CODES).to_bytes(8, "big"), key=_KEY, digest_size=8).hexdigest()


class AuditTrail:
    """The entries waiting to be written."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[datetime, Entry]] = deque()
        self._skipped = 0
        # While a batch is written, its entries are not in `_waiting`; they are returned to it if that fails.
        self._writing = asyncio.Lock()

    def note(self, entry: Entry) -> None:
        """Add an entry with the current time; never blocks and never fails."""
        if len(self._waiting) >= MOST:
            self._skipped += 1
        else:
            self._waiting.append((datetime.now(UTC), entry))

    async def keep_writing(self, database: Database) -> None:
        """Write waiting entries as long as the service runs. Entries that cannot be written are kept."""
        while True:
            await asyncio.sleep(FLUSH_EVERY)
            await self.flush(database)

    async def flush(self, database: Database) -> None:
        """Write the next entries, if there are any, after the batch that is being written."""
        async with self._writing:
            await self._write_batch(database)

    async def close(self, database: Database) -> None:
        """Write all entries, including those being written now, unless the database is unavailable."""
        async with self._writing:
            before = len(self._waiting) + 1
            while self._waiting and len(self._waiting) < before:
                before = len(self._waiting)
                await self._write_batch(database)

    async def _write_batch(self, database: Database) -> None:
        if self._skipped and len(self._waiting) < MOST:
            self._skipped, skipped = 0, self._skipped
            self.note(Entry(Action.SKIPPED, f"{skipped} entries"))
        entries = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
        if not entries:
            return
        try:
            async with asyncio.timeout(FLUSH_EVERY * 10), database.transaction() as connection:
                for begin in range(0, len(entries), PIECE):
                    piece = entries[begin : begin + PIECE]
                    await audit.record(connection, [entry for _, entry in piece], [at for at, _ in piece])
        except BaseException as error:
            # Also if the service ends meanwhile: writing an entry twice is better than losing it.
            self._waiting.extendleft(reversed(entries))
            if not isinstance(error, (*DATABASE_UNAVAILABLE, TimeoutError)):
                raise
            log.warning("audit_write_delayed", count=len(self._waiting), **describe(error))

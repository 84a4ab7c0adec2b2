"""A buffer of audit entries, written a moment after the response, many at a time.

So a refusal costs the hot path no write of its own. What is done to an account is recorded in its own transaction.
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
"""Seconds until an entry is written; a process that is killed loses those."""
MOST = 5_000
"""Entries held; beyond that they are counted only. A flood of guesses must fill neither memory nor disk."""
BATCH = 1_000
"""Entries written per `FLUSH_EVERY`: 86 million a day at the very most."""
PIECE = 200
"""Entries in one statement: all of one are encoded in one go, and the loop must not stall over it."""


_CODES, _KEY = itertools.count(), secrets.token_bytes(32)


def new_code() -> str:
    """Make the code that an answer carries: 64 bits that nobody can foresee, and that say nothing by themselves."""
    # To ask the system for random bits each time takes a fiftieth of a sign-in with a fast hash.
    return hashlib.blake2b(next(_CODES).to_bytes(8, "big"), key=_KEY, digest_size=8).hexdigest()


class AuditTrail:
    """The entries that wait to be written."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[datetime, Entry]] = deque()
        self._skipped = 0
        # While a batch is written, its entries are not in `_waiting`; they come back to it where that fails.
        self._writing = asyncio.Lock()

    def note(self, entry: Entry) -> None:
        """Take an entry, as of now; never waits and never fails."""
        if len(self._waiting) >= MOST:
            self._skipped += 1
        else:
            self._waiting.append((datetime.now(UTC), entry))

    async def keep_writing(self, database: Database) -> None:
        """Write what waits, for as long as the service runs. What can't be written now waits on."""
        while True:
            await asyncio.sleep(FLUSH_EVERY)
            await self.flush(database)

    async def flush(self, database: Database) -> None:
        """Write the next entries, if there are any, after the batch that is being written."""
        async with self._writing:
            await self._write_batch(database)

    async def close(self, database: Database) -> None:
        """Write all entries, those included that are being written now, unless the database is away."""
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
            # Also where the service ends in the midst of it: rather twice than not at all.
            self._waiting.extendleft(reversed(entries))
            if not isinstance(error, (*DATABASE_UNAVAILABLE, TimeoutError)):
                raise
            log.warning("audit_write_delayed", count=len(self._waiting), **describe(error))

"""Sessions of loads, reused by later loads: opening one takes longer than the other steps of a history."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg

from service.loading.staging import loading_session

MOST_AT_ONCE = 2
FORGET = "DELETE FROM pg_temp.numbered; DELETE FROM pg_temp.touched"
"""Tables that keep their rows between loads if none is a dry run; the staging table is empty after a transaction."""


class Sessions:
    """As many open sessions as loads may run concurrently. One whose load failed is closed, as in the service."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._open: list[tuple[AsyncExitStack, asyncpg.Connection]] = []

    async def fill(self) -> None:
        """Open missing sessions, so that a load only sends its own statements, the same in each run."""
        while len(self._open) < MOST_AT_ONCE:
            stack = AsyncExitStack()
            self._open.append((stack, await stack.enter_async_context(loading_session(self._dsn))))

    @asynccontextmanager
    async def session(self) -> AsyncIterator[asyncpg.Connection]:
        """Yield a session for exclusive use."""
        stack, connection = self._open.pop()
        async with stack:
            yield connection
            await connection.execute(FORGET)
            self._open.append((stack.pop_all(), connection))

    async def close(self) -> None:
        """Close those that are not in use."""
        while self._open:
            stack, _ = self._open.pop()
            await stack.aclose()

"""The connection of a load: one session from end to end, because the temporary tables are the session's."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from service.accounts.loading.staged import prepare_session

CONNECT_WITHIN = 10.0
"""Seconds."""


@asynccontextmanager
async def loading_session(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """Connect, and make the temporary tables; they go with the session."""
    connection = await asyncpg.connect(dsn, timeout=CONNECT_WITHIN)
    try:
        await prepare_session(connection)
        yield connection
    finally:
        connection.terminate() if connection.is_in_transaction() else await connection.close(timeout=CONNECT_WITHIN)

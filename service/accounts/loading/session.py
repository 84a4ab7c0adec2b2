"""The connection of a load: one session from end to end, because the temporary tables are the session's."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from service.accounts.connecting import connect
from service.accounts.loading.staged import prepare_session
from service.accounts.tombstones import BindingLock, acquire_binding_lock

CONNECT_WITHIN = 10.0
"""Seconds."""

WAIT_FOR_DISK = "SET LOCAL synchronous_commit TO DEFAULT"


@asynccontextmanager
async def loading_session(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """Connect, and make the temporary tables; they go with the session."""
    connection = await connect(dsn, timeout=CONNECT_WITHIN)
    try:
        await prepare_session(connection)
        yield connection
    finally:
        connection.terminate() if connection.is_in_transaction() else await connection.close(timeout=CONNECT_WITHIN)


async def make_durable(connection: asyncpg.Connection) -> None:
    """Wait until all that this session committed is where the server's own setting wants it: on disk, or replicated."""
    async with connection.transaction():
        await connection.execute(WAIT_FOR_DISK)
        # Only a transaction that wrote something waits, and with it for all before; to lock a row is to write.
        await acquire_binding_lock(connection, BindingLock.EXCLUSIVE)

"""Connections that are terminated at a statement, by PostgreSQL itself."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg

METHODS = ("execute", "fetch", "fetchval", "copy_records_to_table")
LIVES = "SELECT (SELECT pid FROM pg_stat_activity WHERE pid = $1) FROM pg_sleep(0.001)"
Statement = Callable[..., Awaitable[Any]]


class Fuse:
    """Counts the statements of all connections but its own, and terminates the connection that sends the last one."""

    def __init__(self, killer: asyncpg.Connection) -> None:
        self._killer = killer
        self._left = -1
        self._late = False

    @contextmanager
    def burning(self, statement: int, *, late: bool) -> Iterator[None]:
        """Terminate the connection before, or after, the statement with that number, counted from 0."""
        self._left, self._late = statement, late
        originals = {name: getattr(asyncpg.Connection, name) for name in METHODS}
        for name, original in originals.items():
            setattr(asyncpg.Connection, name, self._fused(original))
        try:
            yield
        finally:
            self._left = -1
            for name, original in originals.items():
                setattr(asyncpg.Connection, name, original)

    def _fused(self, run: Statement) -> Statement:
        async def fused(connection: asyncpg.Connection, *args: object, **more: object) -> object:
            if connection is self._killer:
                return await run(connection, *args, **more)
            self._left -= 1
            ends = self._left == -1
            if ends and not self._late:
                await self._end(connection)
            result = await run(connection, *args, **more)
            if ends and self._late:
                await self._end(connection)
                raise asyncpg.ConnectionDoesNotExistError("it ended after the statement was done")
            return result

        return fused

    async def _end(self, connection: asyncpg.Connection) -> None:
        """Terminate its backend, and wait until it has ended and the connection is aware of it."""
        # With a second argument PostgreSQL would wait by itself, but check only every 100 ms.
        server = connection.get_server_pid()
        await self._killer.execute("SELECT pg_terminate_backend($1)", server)
        while await self._killer.fetchval(LIVES, server) or not connection.is_closed():
            pass

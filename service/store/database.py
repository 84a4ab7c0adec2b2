"""The connection pool: its fairness, and the errors that mean that the database is unavailable."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast
from urllib.parse import parse_qs, unquote, urlsplit

import asyncpg

# Connecting to whichever of several servers is the primary now.
#
# asyncpg tries hosts in turn within one limit of time, so a first host that accepts and stays silent (frozen, or cut
# off) would keep us from ever reaching the second. Here they are all asked at once.

NOT_THE_PRIMARY = asyncpg.TargetServerAttributeNotMatched
"""What a standby's answer raises; as asyncpg has it, no `InterfaceError`."""


def one_each(dsn: str) -> list[str]:
    """Split `postgresql://user:password@host1:5432,host2:5432/database` into a URL for each host."""
    parts = urlsplit(dsn)
    who, at, hosts = parts.netloc.rpartition("@")
    return [parts._replace(netloc=f"{who}{at}{host}").geturl() for host in hosts.split(",")]


def place_of(dsn: str) -> str:
    """Name the database of a URL and its hosts: never who connects, nor by which password."""
    parts = urlsplit(dsn)
    if parts.netloc.count("@") < dsn.count("@"):
        # What looks like a host and a port may be a part of the password then.
        return "a database whose URL can't be split: in a password / ? # are written as %2F %3F %23"
    asked = parse_qs(parts.query)
    hosts = parts.netloc.rpartition("@")[2] or asked.get("host", ["the default host"])[0]
    port = asked.get("port", ["5432"])[0]
    named = [host if host.rpartition(":")[2].isdigit() else f"{host}:{port}" for host in hosts.split(",")]
    return f"the database {unquote(parts.path.strip('/')) or 'of the default name'} at {', '.join(named)}"


async def connect(dsn: str, **options: Any) -> asyncpg.Connection:
    """Connect to the first server that answers and may be written to. Raises what the last one to fail raised.

    The error has a note that names the database: its type is what it was, and calls are answered by that.
    """
    try:
        return await _connect(dsn, **options)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, NOT_THE_PRIMARY) as error:
        error.add_note(place_of(dsn))
        raise


async def _connect(dsn: str, **options: Any) -> asyncpg.Connection:
    urls = one_each(dsn)
    if len(urls) == 1:
        return await asyncpg.connect(dsn, **options)
    if "target_session_attrs" not in dsn:
        options["target_session_attrs"] = "read-write"  # everything here ends in a write
    attempts = [asyncio.create_task(asyncpg.connect(url, **options)) for url in urls]
    chosen: asyncpg.Connection | None = None
    fault: Exception = asyncpg.InterfaceError("no host is named")
    try:
        for attempt in asyncio.as_completed(attempts):
            try:
                chosen = await attempt
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, NOT_THE_PRIMARY) as error:
                fault = error
            else:
                return chosen
        raise fault
    finally:
        await _leave(attempts, chosen)


async def _leave(attempts: "list[asyncio.Task[asyncpg.Connection]]", chosen: asyncpg.Connection | None) -> None:
    for attempt in attempts:
        attempt.cancel()
    for other in await asyncio.gather(*attempts, return_exceptions=True):
        if not isinstance(other, BaseException) and other is not chosen:
            with contextlib.suppress(asyncpg.InterfaceError):
                other.terminate()


CONNECT_WITHIN = 5.0
"""Seconds for one attempt to connect; a sign-in gives up earlier by its own deadline."""
STATEMENT_WITHIN = 30.0
"""Seconds for any one statement of the service; a sign-in gives up earlier by its own deadline."""
KEEP_IDLE = 300.0
"""Seconds after which an unused connection is made anew: what lies between may have dropped it and told nobody."""
SILENT = 1.0
"""Seconds on one connection after which, if it is given up, the idle ones are too: their server may be gone."""


class DatabaseUnavailable(Exception):
    """The database cannot be reached or cannot serve."""


class SchemaNotReady(Exception):
    """There is no database, or its schema is missing or older than this version; the message names it and the fix."""


DATABASE_UNAVAILABLE = (
    OSError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresError,
    NOT_THE_PRIMARY,
    DatabaseUnavailable,
)
"""What any use of the database may raise when the database, and not the call, is at fault.

asyncpg calls it internal where the server has said goodbye and the end of the connection has not come yet.
"""
GIVEN_UP = (asyncio.CancelledError, TimeoutError)
"""How the use of a connection ends that did not answer in time."""


class Database:
    """A pool of connections, handed out in the order in which they were asked for."""

    def __init__(self, dsn: str, *, connections: int = 8, pooler: bool = False) -> None:
        self._dsn = dsn
        self._connections = connections
        self._pooler = pooler
        self._pool: asyncpg.Pool | None = None
        # Taken from the pool and kept, with the time of their last use: taking and returning one for each statement
        # takes as long as the statement.
        self._kept: deque[tuple[asyncpg.pool.PoolConnectionProxy, float]] = deque()
        # asyncpg's own queue lets newcomers overtake those who wait.
        self._turns = asyncio.Semaphore(connections)

    async def open(self) -> None:
        """Make the pool. Connects lazily, so that the service starts, and says it isn't ready, without a database."""
        self._pool = await asyncpg.create_pool(
            self._dsn,
            connect=cast("Any", connect),  # the stubs want every option spelt out
            min_size=0,
            max_size=self._connections,
            timeout=CONNECT_WITHIN,
            command_timeout=STATEMENT_WITHIN,
            # Nothing here changes a session's state, so nothing has to be reset at every release.
            reset=_no_reset,
            # Behind a pooler that shares connections between transactions, prepared statements belong to nobody.
            statement_cache_size=0 if self._pooler else 100,
        )

    async def close(self) -> None:
        """Close the pool; connections in use get a moment to end."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        while self._kept:
            await pool.release(self._kept.pop()[0])
        try:
            await asyncio.wait_for(pool.close(), 5)
        except TimeoutError:
            pool.terminate()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[asyncpg.Connection]:
        """Wait for a turn, then lend a connection. Raises `DatabaseUnavailable` or one of `DATABASE_UNAVAILABLE`."""
        async with self._turns:
            pool = self._pool
            if pool is None:
                raise DatabaseUnavailable
            kept = await self._take(pool)
            taken = asyncio.get_running_loop().time()
            try:
                # The pool's proxy is a connection in all but its type.
                yield cast("asyncpg.Connection", kept)
            except (*GIVEN_UP, asyncpg.ReadOnlySQLTransactionError, asyncpg.InternalClientError) as error:
                # Not returned: the pool would wait until the server says that it cancelled the statement, and one that
                # is frozen or cut off never does. One that can only be read from was the primary once. To one that said
                # goodbye nothing can be said, and its end may never come.
                kept.terminate()
                is_cancelled = isinstance(error, asyncio.CancelledError)
                if not is_cancelled or asyncio.get_running_loop().time() - taken > SILENT:
                    self._drop_idle()
                raise
            except BaseException:
                # It may be in the midst of a statement or a transaction: the pool knows how to end that.
                await pool.release(kept)
                raise
            if self._pool is pool:
                self._kept.append((kept, asyncio.get_running_loop().time()))
            else:  # closed in the meantime
                await pool.release(kept)

    async def _take(self, pool: asyncpg.Pool) -> "asyncpg.pool.PoolConnectionProxy":
        while self._kept:
            kept, used = self._kept.pop()  # the one used last: in quiet times the others become idle, and are closed
            if not _is_open(kept):
                continue
            if asyncio.get_running_loop().time() - used < KEEP_IDLE:
                return kept
            kept.terminate()
        return await pool.acquire()

    def _drop_idle(self) -> None:
        while self._kept:
            kept, _ = self._kept.pop()
            if _is_open(kept):
                kept.terminate()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[asyncpg.Connection]:
        """Take a connection with a transaction around its use."""
        async with self.connection() as connection:
            transaction = connection.transaction()
            await transaction.start()
            try:
                yield connection
            except GIVEN_UP:
                raise  # the connection is ended, and with it the transaction; a ROLLBACK could wait for ever
            except BaseException:
                if not connection.is_closed():
                    await transaction.rollback()
                raise
            await transaction.commit()


async def _no_reset(_connection: asyncpg.Connection) -> None:
    pass


def _is_open(kept: "asyncpg.pool.PoolConnectionProxy") -> bool:
    try:
        return not kept.is_closed()
    except asyncpg.InterfaceError:  # the pool saw it die, and has its place back
        return False

"""The connection pool with a fair queue, and the errors that mean that the database is unavailable."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast
from urllib.parse import parse_qs, unquote, urlsplit

import asyncpg

# Connection to the primary among several servers.
#
# asyncpg tries hosts in turn within one timeout, so a first host that accepts and then stays silent (frozen, or cut
# off) would keep us from reaching the second. Here all are tried at once.

NOT_THE_PRIMARY = asyncpg.TargetServerAttributeNotMatched
"""Raised for a standby's answer; in asyncpg it is not an `InterfaceError`."""


def split_hosts(dsn: str) -> list[str]:
    """Split `postgresql://user:password@host1:5432,host2:5432/database` into a URL for each host."""
    parts = urlsplit(dsn)
    who, at, hosts = parts.netloc.rpartition("@")
    return [parts._replace(netloc=f"{who}{at}{host}").geturl() for host in hosts.split(",")]


def place_of(dsn: str) -> str:
    """Name the database and hosts of a URL, but neither user nor password."""
    parts = urlsplit(dsn)
    if parts.netloc.count("@") < dsn.count("@"):
        # The apparent host and port may then be part of the password.
        return "a database whose URL cannot be split: in a password / ? # must be written as %2F %3F %23"
    asked = parse_qs(parts.query)
    hosts = parts.netloc.rpartition("@")[2] or asked.get("host", ["the default host"])[0]
    port = asked.get("port", ["5432"])[0]
    named = [host if host.rpartition(":")[2].isdigit() else f"{host}:{port}" for host in hosts.split(",")]
    return f"the database {unquote(parts.path.strip('/')) or 'of the default name'} at {', '.join(named)}"


async def connect(dsn: str, **options: Any) -> asyncpg.Connection:
    """Connect to the first server that answers and accepts writes. Raises the last server's error.

    A note on the error names the database; its type is unchanged, since error responses depend on it.
    """
    try:
        return await _connect(dsn, **options)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, NOT_THE_PRIMARY) as error:
        error.add_note(place_of(dsn))
        raise


async def _connect(dsn: str, **options: Any) -> asyncpg.Connection:
    urls = split_hosts(dsn)
    if len(urls) == 1:
        return await asyncpg.connect(dsn, **options)
    if "target_session_attrs" not in dsn:
        options["target_session_attrs"] = "read-write"  # all uses end in a write
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
"""Seconds for one attempt to connect; a sign-in stops waiting earlier, at its own deadline."""
STATEMENT_WITHIN = 30.0
"""Seconds for any one statement of the service; a sign-in stops waiting earlier, at its own deadline."""
KEEP_IDLE = 300.0
"""Seconds after which an unused connection is replaced: a firewall in between may have dropped it silently."""
SILENT = 1.0
"""Seconds of use after which, if a connection is given up, the idle ones are dropped too: their server may be dead."""


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
"""Errors that any use of the database may raise because of the database and not because of the call.

asyncpg raises an internal error if the server has announced its shutdown but has not closed the connection yet.
"""
GIVEN_UP = (asyncio.CancelledError, TimeoutError)
"""Exceptions that end the use of a connection that did not answer in time."""


class Database:
    """A pool of connections, handed out in the order of the requests."""

    def __init__(self, dsn: str, *, connections: int = 8, pooler: bool = False) -> None:
        self._dsn = dsn
        self._connections = connections
        self._pooler = pooler
        self._pool: asyncpg.Pool | None = None
        # Connections taken from the pool and kept, with the time of their last use: acquiring and releasing one for
        # each statement takes as long as the statement.
        self._kept: deque[tuple[asyncpg.pool.PoolConnectionProxy, float]] = deque()
        # asyncpg's own queue lets new callers overtake waiting ones.
        self._turns = asyncio.Semaphore(connections)

    async def open(self) -> None:
        """Create the pool. Connects lazily, so that the service starts, but is not ready, without a database."""
        self._pool = await asyncpg.create_pool(
            self._dsn,
            connect=cast("Any", connect),  # the stubs want every option spelt out
            min_size=0,
            max_size=self._connections,
            timeout=CONNECT_WITHIN,
            command_timeout=STATEMENT_WITHIN,
            # Session state is never changed, so nothing has to be reset at every release.
            reset=_no_reset,
            # Behind a pooler that shares connections between transactions, prepared statements may be missing.
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
        """Wait in turn and yield a connection. Raises `DatabaseUnavailable` or one of `DATABASE_UNAVAILABLE`."""
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
                # Not returned: the pool would wait until the server confirms the cancellation of the statement, which a
                # frozen or unreachable one never does. A read-only server was the primary before. To a server that has
                # announced its shutdown nothing can be sent, and its end may never arrive.
                kept.terminate()
                is_cancelled = isinstance(error, asyncio.CancelledError)
                if not is_cancelled or asyncio.get_running_loop().time() - taken > SILENT:
                    self._drop_idle()
                raise
            except BaseException:
                # It may be inside a statement or a transaction, which the pool ends.
                await pool.release(kept)
                raise
            if self._pool is pool:
                self._kept.append((kept, asyncio.get_running_loop().time()))
            else:  # closed in the meantime
                await pool.release(kept)

    async def _take(self, pool: asyncpg.Pool) -> "asyncpg.pool.PoolConnectionProxy":
        while self._kept:
            kept, used = self._kept.pop()  # the one used last, so that surplus connections become idle and are closed
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
        """Yield a connection in a transaction."""
        async with self.connection() as connection:
            transaction = connection.transaction()
            await transaction.start()
            try:
                yield connection
            except GIVEN_UP:
                raise  # the connection was closed, and with it the transaction; a ROLLBACK could block forever
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
    except asyncpg.InterfaceError:  # the pool has already detected its end and freed its slot
        return False

"""Leases with fencing tokens, for work that one replica may do at a time.

A holder that was suspended and resumes late still assumes that it holds the lease. So every lease has a higher token
than all before it, and each write checks the token in the same transaction (`FencedDatabase`). The check locks the row,
so that the lease cannot be taken over between the check and the commit.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from weakref import WeakKeyDictionary

import asyncpg
import structlog

from service.immutable import immutable
from service.store.database import DATABASE_UNAVAILABLE, Database

ACQUIRE = """
INSERT INTO leases AS lease (name, token, holder, expires_at) VALUES ($1, 1, $2, clock_timestamp() + $3::interval)
ON CONFLICT (name) DO UPDATE
SET token = lease.token + 1, holder = excluded.holder, expires_at = clock_timestamp() + $3::interval
WHERE lease.expires_at < clock_timestamp()
RETURNING token
"""

RENEW = "UPDATE leases SET expires_at = clock_timestamp() + $3::interval WHERE name = $1 AND token = $2 RETURNING token"

RELEASE = "UPDATE leases SET expires_at = '-infinity' WHERE name = $1 AND token = $2"

CHECK = "SELECT token FROM leases WHERE name = $1 AND token = $2 FOR SHARE"

HOLDER = "SELECT holder FROM leases WHERE name = $1 AND expires_at >= clock_timestamp()"

EXPIRES_AT = "SELECT expires_at FROM leases WHERE name = $1 AND expires_at >= clock_timestamp()"


class LeaseLost(Exception):
    """Another process holds the lease now; nothing of the transaction was written."""


@immutable
class Lease:
    """A lease that was held when it was returned."""

    name: str
    token: int


async def acquire(connection: asyncpg.Connection, name: str, holder: str, life: timedelta) -> Lease | None:
    """Acquire a lease that is free or expired; return None if another process holds it."""
    token = await connection.fetchval(ACQUIRE, name, holder, life)
    return None if token is None else Lease(name, token)


async def renew(connection: asyncpg.Connection, lease: Lease, life: timedelta) -> None:
    """Extend a lease. Raises `LeaseLost`."""
    if await connection.fetchval(RENEW, lease.name, lease.token, life) is None:
        raise LeaseLost


async def release(connection: asyncpg.Connection, lease: Lease) -> None:
    """Release a lease; a lost one stays with its new holder."""
    await connection.execute(RELEASE, lease.name, lease.token)


async def check(connection: asyncpg.Connection, lease: Lease) -> None:
    """Ensure that the lease is held until the transaction ends. Raises `LeaseLost`."""
    if await connection.fetchval(CHECK, lease.name, lease.token) is None:
        raise LeaseLost


async def holder_of(connection: asyncpg.Connection, name: str) -> str | None:
    """Return the name of the current holder."""
    holder: str | None = await connection.fetchval(HOLDER, name)
    return holder


async def is_renewed(database: Database, name: str, *, look_every: float = 0.25) -> bool:
    """Wait until the holder of a lease renews it, which proves that it lives; return False once the lease is free."""
    first = None
    while True:
        async with database.connection() as connection:
            expires_at = await connection.fetchval(EXPIRES_AT, name)
        if expires_at is None:
            return False
        if first is not None and expires_at > first:
            return True
        first = first or expires_at
        await asyncio.sleep(look_every)


class FencedDatabase(Database):
    """An open database, each of whose transactions first checks a lease."""

    def __init__(self, database: Database, lease: Lease) -> None:
        # The pool belongs to the other database, which opens and closes it.
        self._database = database
        self._lease = lease

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[asyncpg.Connection]:
        """Yield a connection for reading."""
        async with self._database.connection() as connection:
            yield connection

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[asyncpg.Connection]:
        """Yield a connection in a transaction in which the lease is held. Raises `LeaseLost`."""
        async with self._database.transaction() as connection:
            await check(connection, self._lease)
            yield connection


# Holding a lease for the duration of some work: it is renewed meanwhile, and released afterwards.

log = structlog.get_logger()

LIFE = timedelta(seconds=30)
"""How long others wait for a holder that died."""
RECONCILE, PROVISION, REHEARSE = "reconcile", "provision", "rehearse"
"""The work that only one process may do at a time."""


class Held(Exception):
    """Another process is doing the work; the message names it."""


_unreleased: WeakKeyDictionary[Database, set[Lease]] = WeakKeyDictionary()
"""Leases of this process that could not be released because the database was unavailable; they are released first."""


OnWait = Callable[[str, float], None]
"""Is told the lease that another process holds, and the seconds after which a holder that died loses it."""


def _log_wait(name: str, seconds: float) -> None:
    log.info("waiting_for_lease", name=name, seconds=seconds)


@asynccontextmanager
async def hold_lease(
    database: Database, name: str, *, wait: float = 0.0, life: timedelta = LIFE, on_wait: OnWait = _log_wait
) -> AsyncIterator[FencedDatabase]:
    """Yield the database fenced by a lease. Raises `Held` if another process holds it for over `wait` seconds."""
    lease = await _acquire(database, name, wait, life, on_wait)
    renewing = asyncio.create_task(_keep(database, lease, life))
    try:
        yield FencedDatabase(database, lease)
    finally:
        renewing.cancel()
        with contextlib.suppress(*DATABASE_UNAVAILABLE, TimeoutError, LeaseLost, asyncio.CancelledError):
            await renewing
        _unreleased.setdefault(database, set()).add(lease)
        with contextlib.suppress(*DATABASE_UNAVAILABLE, TimeoutError):
            async with database.connection() as connection:
                await _give_back(database, connection)


async def _acquire(database: Database, name: str, wait: float, life: timedelta, on_wait: OnWait) -> Lease:
    deadline = asyncio.get_running_loop().time() + wait
    is_reported = False
    while True:
        async with database.connection() as connection:
            # Otherwise the only follower would wait for its own lease after an outage of PostgreSQL.
            await _give_back(database, connection)
        async with database.transaction() as connection:
            lease = await acquire(connection, name, who(), life)
            holder = None if lease else await holder_of(connection, name)
        if lease is not None:
            return lease
        if asyncio.get_running_loop().time() >= deadline:
            raise Held(f"{name} is being done by {holder or 'another process'}")
        if not is_reported:
            on_wait(name, life.total_seconds())
            is_reported = True
        await asyncio.sleep(min(1.0, max(0.05, wait / 20)))


async def _give_back(database: Database, connection: asyncpg.Connection) -> None:
    """Release the leases that this process no longer needs; those taken over meanwhile stay with their new holder."""
    for lease in list(_unreleased.get(database, ())):
        await release(connection, lease)
        _unreleased[database].discard(lease)


async def _keep(database: Database, lease: Lease, life: timedelta) -> None:
    """Renew until the lease is lost. If it cannot be renewed in time it expires, and the next write fails."""
    while True:
        await asyncio.sleep(life.total_seconds() / 3)
        with contextlib.suppress(*DATABASE_UNAVAILABLE, TimeoutError):
            async with database.connection() as connection:
                await renew(connection, lease, life)


def who() -> str:
    """Name this process, for the messages of waiting ones."""
    return f"{socket.gethostname()} (process {os.getpid()})"

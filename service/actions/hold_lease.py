"""Hold a lease for as long as a piece of work takes: renewed while it runs, given back after. Knows no work."""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import structlog

from service.accounts import leases
from service.accounts.database import DATABASE_UNAVAILABLE, Database
from service.accounts.leases import FencedDatabase, Lease, LeaseLost

log = structlog.get_logger()

LIFE = timedelta(seconds=30)
"""How long others wait for a holder that died."""
RECONCILE, PROVISION = "reconcile", "provision"
"""What must be done once at a time."""


class Held(Exception):
    """Somebody else is doing it; the message says who."""


@asynccontextmanager
async def hold_lease(
    database: Database, name: str, *, wait: float = 0.0, life: timedelta = LIFE
) -> AsyncIterator[FencedDatabase]:
    """Give the database fenced by a lease. Raises `Held` where somebody has it for longer than `wait` seconds."""
    lease = await _acquire(database, name, wait, life)
    renewing = asyncio.create_task(_keep(database, lease, life))
    try:
        yield FencedDatabase(database, lease)
    finally:
        renewing.cancel()
        with contextlib.suppress(*DATABASE_UNAVAILABLE, TimeoutError, LeaseLost, asyncio.CancelledError):
            await renewing
        with contextlib.suppress(*DATABASE_UNAVAILABLE, TimeoutError):
            async with database.connection() as connection:
                await leases.release(connection, lease)


async def _acquire(database: Database, name: str, wait: float, life: timedelta) -> Lease:
    deadline = asyncio.get_running_loop().time() + wait
    is_told = False
    while True:
        async with database.transaction() as connection:
            lease = await leases.acquire(connection, name, who(), life)
            holder = None if lease else await leases.holder_of(connection, name)
        if lease is not None:
            return lease
        if asyncio.get_running_loop().time() >= deadline:
            raise Held(f"{name} is being done by {holder or 'somebody else'}")
        if not is_told:
            log.info("waiting_for_lease", name=name, seconds=life.total_seconds())
            is_told = True
        await asyncio.sleep(min(1.0, max(0.05, wait / 20)))


async def _keep(database: Database, lease: Lease, life: timedelta) -> None:
    """Renew until it is lost. A lease that can't be renewed in time ends: whoever writes then finds out."""
    while True:
        await asyncio.sleep(life.total_seconds() / 3)
        with contextlib.suppress(*DATABASE_UNAVAILABLE, TimeoutError):
            async with database.connection() as connection:
                await leases.renew(connection, lease, life)


def who() -> str:
    """Name this process, for the message of those who wait."""
    return f"{socket.gethostname()} (process {os.getpid()})"

"""Whether work waits for the binding lock while another session holds it."""

import asyncio
from collections.abc import Awaitable

import asyncpg

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


async def waits_for_the_gate(pool: asyncpg.Pool, work: Awaitable[object]) -> bool:
    """Hold the lock in shared mode; return whether the work waits, and let it finish afterwards."""
    async with pool.acquire() as other, pool.acquire() as watching:
        async with other.transaction():
            await other.execute("SELECT 1 FROM installation WHERE name = 'binding_gate' FOR SHARE")
            working = asyncio.ensure_future(work)
            while not working.done() and not await watching.fetchval(WAITING):  # noqa: ASYNC110 (a lock has no event)
                await asyncio.sleep(0)
            waited = not working.done()
        await working
    return waited

"""Waiting until a task is blocked by a lock of the store, so that races happen in a known order."""

import asyncio
from typing import Any

import asyncpg

BLOCKED = "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


async def until_blocked_or_done(pool: asyncpg.Pool, task: "asyncio.Task[Any]") -> bool:
    """Wait until a session waits for a lock, or the task has ended; return whether a session waits."""
    async with asyncio.timeout(300):
        while not task.done():
            if await pool.fetchval(BLOCKED):
                return True
            await asyncio.sleep(0.01)
    return False

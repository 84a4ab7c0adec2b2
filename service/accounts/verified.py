"""Recording that we answered VERIFIED. Knows nothing of why."""

import asyncpg

RECORD_VERIFIED = """
UPDATE accounts SET state = 'verified', verified_at = now()
WHERE id = $1 AND state = 'waiting'
"""


async def record_verified(connection: asyncpg.Connection, account_id: int) -> None:
    """Mark a waiting account as verified; the first time counts, and a tombstone stays one."""
    await connection.execute(RECORD_VERIFIED, account_id)

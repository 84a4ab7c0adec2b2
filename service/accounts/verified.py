"""Recording that we answered VERIFIED. Knows nothing of why."""

import asyncpg

from service.accounts.failures import Guesser

RECORD_VERIFIED = """
UPDATE accounts SET state = 'verified', verified_at = now()
WHERE id = $1 AND state = 'waiting'
"""

# One write for a sign-in: whoever knows the password after all is no longer guessing.
RECORD_VERIFIED_AND_CLEAR = f"""
WITH cleared AS (DELETE FROM failures WHERE subject IN ($2, $3))
{RECORD_VERIFIED}
"""  # noqa: S608 (made of constants)


async def record_verified(
    connection: asyncpg.Connection, account_id: int, *, clear_failures_of: Guesser | None = None
) -> None:
    """Mark a waiting account as verified; the first time counts, and a tombstone stays one."""
    if clear_failures_of is None:
        await connection.execute(RECORD_VERIFIED, account_id)
    else:
        who = clear_failures_of
        await connection.execute(RECORD_VERIFIED_AND_CLEAR, account_id, who.pair, who.login)

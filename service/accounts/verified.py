"""Recording that we answered VERIFIED. Knows nothing of why."""

import asyncpg

from service.accounts.audit import Entry
from service.accounts.failures import ThrottleKey

# One write for a sign-in, with its entry in the audit trail.
RECORD_VERIFIED = """
WITH verified AS (UPDATE accounts SET state = 'verified', verified_at = now() WHERE id = $1 AND state = 'waiting')
INSERT INTO audit (action, reason, account_id, code, event_id, request_id)
VALUES ('verified', 'password', $1, $2, $3, $4)
"""

# Whoever knows the password after all is no longer guessing.
RECORD_VERIFIED_AND_CLEAR = RECORD_VERIFIED.replace(
    "WITH ", "WITH cleared AS (DELETE FROM failures WHERE subject IN ($5, $6)), ", 1
)


async def record_verified(
    connection: asyncpg.Connection,
    account_id: int,
    *,
    clear_failures_of: ThrottleKey | None = None,
    entry: Entry | None = None,
) -> None:
    """Mark a waiting account as verified; the first time counts, and a tombstone stays one.

    The audit trail gets what `entry` says of the call.
    """
    values = (account_id, entry.code, entry.event_id, entry.request_id) if entry else (account_id, None, None, None)
    if clear_failures_of is None:
        await connection.execute(RECORD_VERIFIED, *values)
    else:
        who = clear_failures_of
        await connection.execute(RECORD_VERIFIED_AND_CLEAR, *values, who.pair, who.login)

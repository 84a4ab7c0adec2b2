"""What a dry run adds in thought, batch by batch, so that a later batch collides with it. Writes no account."""

import asyncpg

FORESEEN = """
UPDATE staged SET fate = CASE WHEN foreseen.login_key = staged.login_key THEN 'same_login' ELSE 'okta_id_taken' END
FROM foreseen
WHERE staged.fate = 'new' AND foreseen.login_key = staged.login_key
   OR staged.fate IN ('new', 'changed') AND foreseen.okta_id = staged.okta_id
"""

FORESEE = """
INSERT INTO foreseen (login_key, okta_id) SELECT login_key, okta_id FROM staged
WHERE fate = 'new' OR fate = 'changed' AND okta_id IS NOT NULL
"""


async def foresee(connection: asyncpg.Connection) -> None:
    """Refuse what an earlier batch of a dry run would have added, and note what this one would add."""
    await connection.execute(FORESEEN)
    await connection.execute(FORESEE)

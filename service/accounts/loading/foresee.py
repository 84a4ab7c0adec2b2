"""What a dry run adds in thought, batch by batch, so that a later batch collides with it. Writes no account."""

import asyncpg

REJECT_IN_DRY_RUN = """
UPDATE staged
SET outcome = CASE WHEN dry_run_rows.login_key = staged.login_key THEN 'same_login' ELSE 'okta_id_taken' END
FROM dry_run_rows
WHERE staged.outcome = 'new' AND dry_run_rows.login_key = staged.login_key
   OR staged.outcome IN ('new', 'changed') AND dry_run_rows.okta_id = staged.okta_id
"""

ADD_TO_DRY_RUN = """
INSERT INTO dry_run_rows (login_key, okta_id) SELECT login_key, okta_id FROM staged
WHERE outcome = 'new' OR outcome = 'changed' AND okta_id IS NOT NULL
"""


async def dry_run(connection: asyncpg.Connection) -> None:
    """Refuse what an earlier batch of a dry run would have added, and note what this one would add."""
    await connection.execute(REJECT_IN_DRY_RUN)
    await connection.execute(ADD_TO_DRY_RUN)

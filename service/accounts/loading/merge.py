"""Writing staged accounts into the store, by their fate: whole sets, in the caller's transaction.

The caller holds the binding gate closed, so nobody else adds accounts or binds Okta ids meanwhile; states may change.
"""

import asyncpg

ADD = """
WITH added AS (
    INSERT INTO accounts (login, login_key, okta_id, state, profile)
    SELECT login, login_key, okta_id, CASE WHEN hash IS NULL THEN 'unarmed' ELSE 'waiting' END,
           jsonb_strip_nulls(profile)
    FROM staged WHERE fate = 'new' ORDER BY line
    RETURNING id, login_key
), armed AS (
    INSERT INTO hashes (account_id, source_id, recipe_id, hash, salt, username, key_id)
    SELECT added.id, $1, recipe_id, hash, salt, username, key_id
    FROM added JOIN staged USING (login_key) JOIN numbered USING (recipe) WHERE hash IS NOT NULL
), named AS (
    INSERT INTO identifiers (account_id, identifier_key)
    SELECT added.id, unnest(identifiers) FROM added JOIN staged USING (login_key) WHERE identifiers IS NOT NULL
)
SELECT id FROM added
"""

# In the order of id, as everybody who locks accounts does.
LOCK_CHANGED = """
SELECT id, state FROM accounts WHERE id IN (SELECT account_id FROM staged WHERE fate = 'changed')
ORDER BY id FOR UPDATE
"""

LEAVE_TOMBSTONES = "UPDATE staged SET fate = 'tombstone' WHERE account_id = ANY($1::bigint[])"

BOUND = """
SELECT account.id FROM staged JOIN accounts AS account ON account.id = staged.account_id
WHERE staged.fate = 'changed' AND staged.okta_id IS NOT NULL AND account.okta_id IS NULL
"""

CHANGE = """
UPDATE accounts AS account
SET state = CASE WHEN staged.rehash THEN 'waiting' ELSE account.state END,
    verified_at = CASE WHEN staged.rehash THEN NULL ELSE account.verified_at END,
    okta_id = coalesce(account.okta_id, staged.okta_id),
    profile = jsonb_strip_nulls(account.profile || staged.profile),
    loaded_at = now()
FROM staged WHERE staged.fate = 'changed' AND account.id = staged.account_id
"""

REHASH = """
INSERT INTO hashes AS kept (account_id, source_id, recipe_id, hash, salt, username, key_id)
SELECT account_id, $1, recipe_id, hash, salt, username, key_id
FROM staged JOIN numbered USING (recipe) WHERE fate = 'changed' AND rehash
ON CONFLICT (account_id, source_id) DO UPDATE
SET recipe_id = excluded.recipe_id, hash = excluded.hash, salt = excluded.salt, username = excluded.username,
    key_id = excluded.key_id
"""

UNNAME = """
DELETE FROM identifiers AS known USING staged
WHERE staged.fate = 'changed' AND known.account_id = staged.account_id
  AND known.identifier_key <> ALL (staged.identifiers)
"""

RENAME = """
INSERT INTO identifiers (account_id, identifier_key)
SELECT account_id, unnest(identifiers) FROM staged WHERE fate = 'changed' ON CONFLICT DO NOTHING
"""

COUNT_LOADED = """
UPDATE recipes SET hashes_loaded = hashes_loaded + loaded.number
FROM (
    SELECT recipe_id, count(*) AS number FROM staged JOIN numbered USING (recipe)
    WHERE hash IS NOT NULL AND (fate = 'new' OR fate = 'changed' AND rehash) GROUP BY recipe_id
) AS loaded
WHERE recipes.id = loaded.recipe_id
"""


class AccountsChanged(Exception):
    """Accounts vanished between the look and the lock; the batch begins again."""


async def add(connection: asyncpg.Connection, source_id: int) -> list[int]:
    """Add the new accounts with their hashes and identifiers; give their ids."""
    return [row["id"] for row in await connection.fetch(ADD, source_id)]


async def change(connection: asyncpg.Connection, source_id: int, expected: int) -> list[int]:
    """Write what changed; give the accounts whose Okta id is new. Raises `AccountsChanged`."""
    locked = await connection.fetch(LOCK_CHANGED)
    if len(locked) < expected:
        raise AccountsChanged
    buried = [row["id"] for row in locked if row["state"] in ("migrated", "retired")]
    if buried:
        await connection.execute(LEAVE_TOMBSTONES, buried)
    bound = [row["id"] for row in await connection.fetch(BOUND)]
    await connection.execute(CHANGE)
    await connection.execute(REHASH, source_id)
    await connection.execute(UNNAME)
    await connection.execute(RENAME)
    return bound


async def count_loaded(connection: asyncpg.Connection) -> None:
    """Add to the number of hashes that were ever loaded with each recipe."""
    await connection.execute(COUNT_LOADED)

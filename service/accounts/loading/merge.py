"""Writing what changed of staged accounts into the store: whole sets, in the caller's transaction.

The caller holds the binding gate closed, so nobody else adds accounts or binds Okta ids meanwhile; states may change.
"""

from collections import Counter
from collections.abc import Mapping

import asyncpg

from service.accounts.loading.match import OTHER_SOURCE, PROFILE

# In the order of id, as everybody who locks accounts does.
LOCK_CHANGED = """
SELECT id, state FROM accounts WHERE id IN (SELECT account_id FROM staged WHERE outcome = 'changed')
ORDER BY id FOR UPDATE
"""

# Whoever seals hashes anew, and was in the middle of it, is waited for.
HOLD_KEPT = """
SELECT staged.line, kept.hash, kept.key_id
FROM staged JOIN hashes AS kept ON kept.account_id = staged.account_id AND kept.source_id = $1
WHERE staged.outcome = 'changed' AND staged.rehash
ORDER BY kept.account_id FOR UPDATE OF kept
"""

LEAVE_TOMBSTONES = "UPDATE staged SET outcome = 'tombstone' WHERE account_id = ANY($1::bigint[])"

BOUND = """
SELECT account.id FROM staged JOIN accounts AS account ON account.id = staged.account_id
WHERE staged.outcome = 'changed' AND staged.okta_id IS NOT NULL AND account.okta_id IS NULL
"""

CHANGE = f"""
UPDATE accounts AS account
SET state = CASE WHEN staged.rehash THEN 'waiting' ELSE account.state END,
    verified_at = CASE WHEN staged.rehash THEN NULL ELSE account.verified_at END,
    okta_id = coalesce(account.okta_id, staged.okta_id),
    profile = {PROFILE},
    loaded_at = now()
FROM staged WHERE staged.outcome = 'changed' AND account.id = staged.account_id
"""  # noqa: S608 (a constant)

REHASH = """
INSERT INTO hashes AS kept (account_id, source_id, recipe_id, hash, salt, username, key_id)
SELECT account_id, $1, recipe_id, hash, salt, username, key_id
FROM staged JOIN numbered USING (recipe) WHERE outcome = 'changed' AND rehash
ON CONFLICT (account_id, source_id) DO UPDATE
SET recipe_id = excluded.recipe_id, hash = excluded.hash, salt = excluded.salt, username = excluded.username,
    key_id = excluded.key_id
"""

UNNAME = f"""
DELETE FROM identifiers AS known USING staged JOIN accounts AS account ON account.id = staged.account_id
WHERE staged.outcome = 'changed' AND known.account_id = staged.account_id AND NOT {OTHER_SOURCE}
  AND known.identifier_key <> ALL (staged.identifiers)
"""  # noqa: S608 (a constant)

RENAME = """
INSERT INTO identifiers (account_id, identifier_key)
SELECT account_id, unnest(identifiers) FROM staged WHERE outcome = 'changed' ON CONFLICT DO NOTHING
"""

REHASHED = """
SELECT numbered.recipe_id, count(*) AS number FROM staged JOIN numbered USING (recipe)
WHERE staged.outcome = 'changed' AND staged.rehash GROUP BY numbered.recipe_id
"""

COUNT_LOADED = """
UPDATE recipes SET hashes_loaded = hashes_loaded + loaded.number
FROM unnest($1::int[], $2::bigint[]) AS loaded (id, number)
WHERE recipes.id = loaded.id
"""


class AccountsChanged(Exception):
    """Accounts vanished, or hashes were sealed anew, between the look and the lock; the batch begins again."""


async def hold(connection: asyncpg.Connection, source_id: int, expected: int) -> list[tuple[int, bytes, str | None]]:
    """Lock what changed; give the hashes that others take the place of, each by its line. Raises `AccountsChanged`."""
    locked = await connection.fetch(LOCK_CHANGED)
    if len(locked) < expected:
        raise AccountsChanged
    marked_migrated = [row["id"] for row in locked if row["state"] in ("migrated", "retired")]
    if marked_migrated:
        await connection.execute(LEAVE_TOMBSTONES, marked_migrated)
    return [tuple(row) for row in await connection.fetch(HOLD_KEPT, source_id)]


async def change(connection: asyncpg.Connection, source_id: int) -> list[int]:
    """Write what changed, which the caller holds; give the accounts whose Okta id is new."""
    bound = [row["id"] for row in await connection.fetch(BOUND)]
    await connection.execute(CHANGE)
    await connection.execute(REHASH, source_id)
    await connection.execute(UNNAME, source_id)
    await connection.execute(RENAME)
    return bound


async def rehashed(connection: asyncpg.Connection) -> Counter[int]:
    """Count the hashes that `change` writes, by recipe."""
    return Counter({row["recipe_id"]: row["number"] for row in await connection.fetch(REHASHED)})


async def count_loaded(connection: asyncpg.Connection, hashes: Mapping[int, int]) -> None:
    """Add to the number of hashes that were ever loaded with each recipe."""
    ids = sorted(hashes)
    await connection.execute(COUNT_LOADED, ids, [hashes[recipe_id] for recipe_id in ids])

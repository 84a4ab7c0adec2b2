"""Encryption keys of stored hashes: the keys in use, and re-encryption."""

import json
from collections.abc import Collection, Sequence
from datetime import datetime

import asyncpg

from service.immutable import immutable
from service.store.accounts import KeptHash
from service.store.encryption import DecryptionFailed, HashKeys, binding

# One index probe per key, regardless of the number of hashes.
KEYS_IN_USE = """
WITH RECURSIVE used AS (
    (SELECT key_id FROM hashes WHERE key_id IS NOT NULL ORDER BY key_id LIMIT 1)
    UNION ALL
    SELECT (SELECT further.key_id FROM hashes AS further WHERE further.key_id > used.key_id
            ORDER BY further.key_id LIMIT 1)
    FROM used WHERE used.key_id IS NOT NULL
)
SELECT key_id FROM used WHERE key_id IS NOT NULL
"""

KEPT_COLUMNS = """
SELECT kept.account_id, kept.source_id, source.name AS source, recipe.format, recipe.parameters,
       kept.hash, kept.salt, kept.username, kept.key_id, account.login_key
FROM hashes AS kept
JOIN accounts AS account ON account.id = kept.account_id
JOIN sources AS source ON source.id = kept.source_id
JOIN recipes AS recipe ON recipe.id = kept.recipe_id
"""

SAMPLE = KEPT_COLUMNS + "WHERE kept.key_id = $1 LIMIT $2"
SAMPLED = 5
"""Hashes of each key that are tried for readiness."""

# Rows that a sign-in or an event has locked are left for the next round, so that neither waits for the other.
OTHERS = (
    KEPT_COLUMNS
    + """
WHERE kept.key_id IS DISTINCT FROM $1 AND (kept.account_id, kept.source_id) > ($2, $3)
ORDER BY kept.account_id, kept.source_id LIMIT $4 FOR UPDATE OF kept SKIP LOCKED
"""
)

OF_ACCOUNT = KEPT_COLUMNS + "WHERE kept.account_id = $1 ORDER BY kept.source_id FOR UPDATE OF kept"

LOGIN_KEY = "SELECT login_key FROM accounts WHERE id = $1 FOR UPDATE"

PUT = """
UPDATE hashes SET hash = encrypted.hash, key_id = encrypted.key_id
FROM unnest($1::bigint[], $2::integer[], $3::bytea[], $4::text[]) AS encrypted (account_id, source_id, hash, key_id)
WHERE hashes.account_id = encrypted.account_id AND hashes.source_id = encrypted.source_id
"""

# A key that is used again was not destroyed. Unchanged rows are not locked: loads and rotations run together.
RECORD_USE = """
WITH used_again AS (
    UPDATE hash_keys SET destroyed_at = NULL WHERE key_id = ANY($1::text[]) AND destroyed_at IS NOT NULL
)
INSERT INTO hash_keys (key_id) SELECT DISTINCT unnest($1::text[]) ON CONFLICT DO NOTHING
"""

MARK_DESTROYED = """
UPDATE hash_keys SET destroyed_at = coalesce(destroyed_at, now()) WHERE key_id = $1 RETURNING destroyed_at
"""

HISTORY = "SELECT key_id, first_used_at, destroyed_at FROM hash_keys ORDER BY first_used_at NULLS FIRST, key_id"

COUNT_OTHERS = "SELECT count(*) FROM hashes WHERE key_id IS DISTINCT FROM $1"


@immutable
class UsedKey:
    """A key that hashes are, or were, encrypted under."""

    key_id: str
    first_used_at: datetime | None
    """None if it was in use before this was recorded."""
    destroyed_at: datetime | None
    """When an operator declared that every copy was destroyed."""


Place = tuple[int, int]
"""An account and a source: the key of a hash's row."""


@immutable
class PlacedHash:
    """A stored hash with the key of its row."""

    place: Place
    kept: KeptHash


async def keys_in_use(connection: asyncpg.Connection) -> list[str]:
    """Return the ids of the keys that encrypt stored hashes."""
    return [row["key_id"] for row in await connection.fetch(KEYS_IN_USE)]


async def sample(connection: asyncpg.Connection, key_id: str) -> list[KeptHash]:
    """Return several hashes under a key: a single one may be damaged, whatever the key."""
    return [_placed(row).kept for row in await connection.fetch(SAMPLE, key_id, SAMPLED)]


async def under_other_keys(
    connection: asyncpg.Connection, key_id: str | None, after: Place, number: int
) -> list[PlacedHash]:
    """Lock and return the next hashes that are not under this key (None: that are encrypted), in row order."""
    return [_placed(row) for row in await connection.fetch(OTHERS, key_id, *after, number)]


async def count_others(connection: asyncpg.Connection, key_id: str | None) -> int:
    """Count the hashes that are not under this key."""
    number: int = await connection.fetchval(COUNT_OTHERS, key_id)
    return number


async def of_account(connection: asyncpg.Connection, account_id: int) -> list[PlacedHash]:
    """Lock and return the hashes of an account."""
    return [_placed(row) for row in await connection.fetch(OF_ACCOUNT, account_id)]


async def login_key_of(connection: asyncpg.Connection, account_id: int) -> str | None:
    """Lock an account and return its login key; None if there is no such account."""
    login_key: str | None = await connection.fetchval(LOGIN_KEY, account_id)
    return login_key


async def record_use(connection: asyncpg.Connection, key_ids: Collection[str]) -> None:
    """Record, in the transaction that encrypts under them, that keys are in use."""
    await connection.execute(RECORD_USE, list(key_ids))


async def mark_destroyed(connection: asyncpg.Connection, key_id: str) -> datetime | None:
    """Record that an operator destroyed a key, and return the time of the first record; None for an unknown key."""
    destroyed_at: datetime | None = await connection.fetchval(MARK_DESTROYED, key_id)
    return destroyed_at


async def key_history(connection: asyncpg.Connection) -> list[UsedKey]:
    """Return the keys that were ever used, the oldest first."""
    return [UsedKey(*row) for row in await connection.fetch(HISTORY)]


async def put(connection: asyncpg.Connection, encrypted: Sequence[tuple[Place, bytes, str | None]]) -> None:
    """Write encrypted hashes to their rows."""
    places = [place for place, _, _ in encrypted]
    await connection.execute(
        PUT,
        [account_id for account_id, _ in places],
        [source_id for _, source_id in places],
        [kept for _, kept, _ in encrypted],
        [key_id for _, _, key_id in encrypted],
    )
    if used := {key_id for _, _, key_id in encrypted if key_id is not None}:
        await record_use(connection, used)


def _placed(row: asyncpg.Record) -> PlacedHash:
    kept = KeptHash(
        source=row["source"],
        format=row["format"],
        parameters=json.loads(row["parameters"]),
        hash=row["hash"],
        salt=row["salt"],
        username=row["username"],
        key_id=row["key_id"],
        login_key=row["login_key"],
    )
    return PlacedHash((row["account_id"], row["source_id"]), kept)


async def keys_missing(connection: asyncpg.Connection, keys: HashKeys) -> list[str]:
    """Return a message for each key in use that is missing from HASH_KEYS, or has another value there."""
    missing = []
    for key_id in await keys_in_use(connection):
        if key_id not in keys:
            missing.append(f"the key {key_id} is not in HASH_KEYS, and stored hashes need it")
        elif (sampled := await sample(connection, key_id)) and not any(_opens(keys, kept) for kept in sampled):
            missing.append(f"the key {key_id} in HASH_KEYS does not decrypt the hashes stored under this id")
    return missing


async def reencrypt(connection: asyncpg.Connection, account_id: int, keys: HashKeys, old_login_key: str) -> None:
    """Bind an account's hashes to its new login key, in the transaction that set it. Raises `DecryptionFailed`."""
    placed = await of_account(connection, account_id)
    encrypted = []
    for place, kept in ((each.place, each.kept) for each in placed):
        old, new = (binding_of(kept, login_key) for login_key in (old_login_key, kept.login_key))
        if kept.key_id is not None:
            encrypted.append((place, *keys.encrypt(keys.decrypt(kept.hash, kept.key_id, old), new)))
    if encrypted:
        await put(connection, encrypted)


def _opens(keys: HashKeys, kept: KeptHash) -> bool:
    try:
        keys.decrypt(kept.hash, kept.key_id, binding_of(kept, kept.login_key))
    except DecryptionFailed:
        return False
    return True


def binding_of(kept: KeptHash, login_key: str) -> bytes:
    """Return the binding of a hash: its login key, source and recipe."""
    return binding(login_key, kept.source, kept.format, kept.parameters)

"""Taking accounts out of the store, with all that hangs on them. Judges nothing."""

from collections.abc import Sequence

import asyncpg

NAMED = """
SELECT id FROM accounts WHERE login_key = $1
UNION SELECT account_id FROM identifiers WHERE identifier_key = $1
ORDER BY 1
"""

# In the order of id, as everybody who locks accounts does.
LOCK = "SELECT id, login_key FROM accounts WHERE id = ANY($1::bigint[]) ORDER BY id FOR UPDATE"

DELETE_HASHES = "DELETE FROM hashes WHERE account_id = ANY($1::bigint[])"

DELETE_ACCOUNTS = "DELETE FROM accounts WHERE id = ANY($1::bigint[])"

WITH_LOGINS = "SELECT id, login_key FROM accounts WHERE login_key = ANY($1::text[])"


async def ids_named(connection: asyncpg.Connection, key: str) -> list[int]:
    """List the accounts that have a name as their login or another identifier."""
    return [row["id"] for row in await connection.fetch(NAMED, key)]


async def ids_of_logins(connection: asyncpg.Connection, keys: Sequence[str]) -> dict[str, int]:
    """Give the accounts with exactly these logins, by their keys."""
    return {row["login_key"]: row["id"] for row in await connection.fetch(WITH_LOGINS, keys)}


async def delete(connection: asyncpg.Connection, account_ids: Sequence[int]) -> dict[int, str]:
    """Delete accounts in the caller's transaction; give the ids and login keys of those that there were."""
    found = {row["id"]: row["login_key"] for row in await connection.fetch(LOCK, account_ids)}
    await connection.execute(DELETE_HASHES, list(found))
    await connection.execute(DELETE_ACCOUNTS, list(found))
    return found

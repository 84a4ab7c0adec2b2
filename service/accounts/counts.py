"""How many accounts, hashes and events there are of each kind. Reads only."""

from typing import Any

import asyncpg

ACCOUNTS_BY_STATE = "SELECT state, count(*) AS number FROM accounts GROUP BY state"

HASHES_BY_FORMAT = """
SELECT recipe.format, count(*) AS number FROM hashes JOIN recipes AS recipe ON recipe.id = hashes.recipe_id
GROUP BY recipe.format ORDER BY recipe.format
"""

HASHES_BY_KEY = "SELECT key_id, count(*) AS number FROM hashes GROUP BY key_id ORDER BY key_id"

EVENTS_BY_EFFECT = "SELECT effect, count(*) AS number FROM import_events GROUP BY effect ORDER BY effect"

UNREADABLE_EVENTS = "SELECT count(*) FROM unreadable_events"


async def accounts_by_state(connection: asyncpg.Connection) -> dict[str, int]:
    """Count the accounts of each state."""
    return _counts(await connection.fetch(ACCOUNTS_BY_STATE))


async def hashes_by_format(connection: asyncpg.Connection) -> dict[str, int]:
    """Count the hashes of each format."""
    return _counts(await connection.fetch(HASHES_BY_FORMAT))


async def hashes_by_key(connection: asyncpg.Connection) -> dict[str | None, int]:
    """Count the hashes under each key; None are those that are kept as they are."""
    return _counts(await connection.fetch(HASHES_BY_KEY))


async def events_by_effect(connection: asyncpg.Connection) -> dict[str, int]:
    """Count the import events by what they did."""
    return _counts(await connection.fetch(EVENTS_BY_EFFECT))


async def unreadable_events(connection: asyncpg.Connection) -> int:
    """Count what is kept raw for inspection."""
    number: int = await connection.fetchval(UNREADABLE_EVENTS)
    return number


def _counts(rows: list[asyncpg.Record]) -> dict[Any, int]:
    return {row[0]: row["number"] for row in rows}

"""Recipes: how stored hashes are checked, one row per recipe, and how many hashes were loaded with each."""

import json
from collections.abc import Collection, Sequence
from dataclasses import field
from typing import Any

import asyncpg

from service.immutable import immutable

ENSURE_RECIPE = """
WITH made AS (
    INSERT INTO recipes (format, parameters, cost, dummy_hash) VALUES ($1, $2, $3, $4)
    ON CONFLICT (format, parameters, cost) DO NOTHING RETURNING id
)
SELECT id FROM made UNION ALL SELECT id FROM recipes WHERE format = $1 AND parameters = $2 AND cost = $3 LIMIT 1
"""

FIND_RECIPE = "SELECT id FROM recipes WHERE format = $1 AND parameters = $2 AND cost = $3"

COUNT_LOADED = "UPDATE recipes SET hashes_loaded = hashes_loaded + $2 WHERE id = $1"

RECIPES = "SELECT id, format, parameters, cost, dummy_hash, hashes_loaded FROM recipes ORDER BY id"

FORMATS = "SELECT DISTINCT format FROM recipes ORDER BY format"

LOGIN_DIGEST_KEY = "SELECT value FROM installation WHERE name = 'login_digest_key'"

IN_USE = """
SELECT asked.id FROM unnest($1::integer[]) AS asked (id) WHERE EXISTS (SELECT FROM hashes WHERE recipe_id = asked.id)
"""

HAS_ACCOUNTS = "SELECT EXISTS (SELECT FROM accounts)"


@immutable
class KeptRecipe:
    """One recipe as stored."""

    id: int
    format: str
    parameters: dict[str, Any] = field(repr=False)
    cost: str
    dummy_hash: dict[str, Any] = field(repr=False)
    hashes_loaded: int


async def ensure_recipe(
    connection: asyncpg.Connection,
    format_name: str,
    parameters: dict[str, Any],
    cost: str,
    dummy_hash: dict[str, Any],
) -> int:
    """Return the id of a recipe, creating its row if there is none."""
    values = format_name, json.dumps(parameters, sort_keys=True), cost, json.dumps(dummy_hash)
    while True:
        # A row that another transaction created between the two halves of the statement is seen by the next attempt.
        recipe_id: int | None = await connection.fetchval(ENSURE_RECIPE, *values)
        if recipe_id is not None:
            return recipe_id


async def find_recipe(
    connection: asyncpg.Connection, format_name: str, parameters: dict[str, Any], cost: str
) -> int | None:
    """Return the id of a recipe; None if it was never loaded."""
    recipe_id: int | None = await connection.fetchval(
        FIND_RECIPE, format_name, json.dumps(parameters, sort_keys=True), cost
    )
    return recipe_id


async def count_loaded(connection: asyncpg.Connection, recipe_id: int, hashes: int) -> None:
    """Add to the number of hashes that were ever loaded with a recipe."""
    await connection.execute(COUNT_LOADED, recipe_id, hashes)


async def list_recipes(connection: asyncpg.Connection) -> list[KeptRecipe]:
    """Return all recipes in the order of creation."""
    return [
        KeptRecipe(
            row["id"],
            row["format"],
            json.loads(row["parameters"]),
            row["cost"],
            json.loads(row["dummy_hash"]),
            row["hashes_loaded"],
        )
        for row in await connection.fetch(RECIPES)
    ]


async def formats_loaded(connection: asyncpg.Connection) -> list[str]:
    """Return the formats and formulas that any hash was ever loaded with."""
    return [row["format"] for row in await connection.fetch(FORMATS)]


async def login_digest_key(connection: asyncpg.Connection) -> bytes:
    """Return the key under which logins are digested: created once, the same for all replicas."""
    key: bytes = await connection.fetchval(LOGIN_DIGEST_KEY)
    return key


async def recipes_in_use(connection: asyncpg.Connection, recipe_ids: Sequence[int]) -> frozenset[int]:
    """Return which of these recipes any hash uses. Reads all hashes if one of the recipes is unused."""
    return frozenset(row["id"] for row in await connection.fetch(IN_USE, recipe_ids))


async def has_accounts(connection: asyncpg.Connection) -> bool:
    """Return whether at least one account is loaded."""
    found: bool = await connection.fetchval(HAS_ACCOUNTS)
    return found


# The formats under which a known password was VERIFIED by `try`. The password is not stored.

RECORD_TRIED = """
INSERT INTO tried_formats (format) VALUES ($1) ON CONFLICT (format) DO UPDATE SET verified_at = excluded.verified_at
"""

TRIED_AMONG = "SELECT format FROM tried_formats WHERE format = ANY($1::text[])"

LOGIN = "SELECT login FROM accounts WHERE id = $1"


async def record_tried(connection: asyncpg.Connection, format_name: str) -> None:
    """Record that a known password was VERIFIED under a format or formula. Repeating it changes only the time."""
    await connection.execute(RECORD_TRIED, format_name)


async def tried_among(connection: asyncpg.Connection, formats: Collection[str]) -> set[str]:
    """Return those of `formats` under which a known password was VERIFIED."""
    return {row["format"] for row in await connection.fetch(TRIED_AMONG, list(formats))}


async def login_of(connection: asyncpg.Connection, account_id: int) -> str | None:
    """Return the login of an account as loaded; None if the account is deleted."""
    login: str | None = await connection.fetchval(LOGIN, account_id)
    return login

"""Queries for values that this installation chose once."""

import asyncpg

GET = "SELECT value FROM installation WHERE name = $1"

SET = "INSERT INTO installation (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value"

HOOKS_BASE_URL = "hooks_base_url"


async def get_text(connection: asyncpg.Connection, name: str) -> str | None:
    """Give what is kept under a name."""
    value: bytes | None = await connection.fetchval(GET, name)
    return None if value is None else value.decode()


async def set_text(connection: asyncpg.Connection, name: str, value: str) -> None:
    """Keep something under a name."""
    await connection.execute(SET, name, value.encode())

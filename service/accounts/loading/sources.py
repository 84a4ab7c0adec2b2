"""The legacy stores by name. Knows nothing of what their hashes need."""

import asyncpg

FIND_SOURCE = "SELECT id FROM sources WHERE name = $1"

SOURCE_NAMES = "SELECT name FROM sources ORDER BY name"

ADD_SOURCE = "INSERT INTO sources (name) VALUES ($1) ON CONFLICT (name) DO NOTHING"


async def find_source(connection: asyncpg.Connection, name: str) -> int | None:
    """Give the id of a source; None where nothing was loaded from it yet."""
    source_id: int | None = await connection.fetchval(FIND_SOURCE, name)
    return source_id


async def source_names(connection: asyncpg.Connection) -> list[str]:
    """List the sources that anything was ever loaded from."""
    return [row["name"] for row in await connection.fetch(SOURCE_NAMES)]


async def ensure_source(connection: asyncpg.Connection, name: str) -> int:
    """Give the id of a source, making its row where there is none yet."""
    found = await find_source(connection, name)
    if found is None:
        await connection.execute(ADD_SOURCE, name)
        found = await find_source(connection, name)
    assert found is not None  # noqa: S101 (sources are never deleted)
    return found

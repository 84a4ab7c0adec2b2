"""Queries of `hooks`: the service's public address, and the ids of the hooks that it created."""

import asyncpg

GET = "SELECT value FROM installation WHERE name = $1"

SET = "INSERT INTO installation (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value"

HOOKS_BASE_URL = "hooks_base_url"

OWN_HOOKS = "SELECT hook_id FROM own_hooks WHERE org = $1 AND kind = $2"

ADD_OWN_HOOK = "INSERT INTO own_hooks (org, kind, hook_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"

REMOVE_OWN_HOOK = "DELETE FROM own_hooks WHERE org = $1 AND kind = $2 AND hook_id = $3"


async def get_text(connection: asyncpg.Connection, name: str) -> str | None:
    """Return the value stored under a name."""
    value: bytes | None = await connection.fetchval(GET, name)
    return None if value is None else value.decode()


async def set_text(connection: asyncpg.Connection, name: str, value: str) -> None:
    """Store a value under a name."""
    await connection.execute(SET, name, value.encode())


async def own_hooks(connection: asyncpg.Connection, org: str, kind: str) -> frozenset[str]:
    """Return the ids of the hooks of a kind that this installation created in an org."""
    return frozenset(row["hook_id"] for row in await connection.fetch(OWN_HOOKS, org, kind))


async def add_own_hook(connection: asyncpg.Connection, org: str, kind: str, hook_id: str) -> None:
    """Store that this installation created a hook."""
    await connection.execute(ADD_OWN_HOOK, org, kind, hook_id)


async def remove_own_hook(connection: asyncpg.Connection, org: str, kind: str, hook_id: str) -> None:
    """Delete the id of a deleted hook."""
    await connection.execute(REMOVE_OWN_HOOK, org, kind, hook_id)

"""The formats under which a known password was VERIFIED by `try`. The password is not stored."""

from collections.abc import Collection

import asyncpg

RECORD_TRIED = """
INSERT INTO tried_formats (format) VALUES ($1) ON CONFLICT (format) DO UPDATE SET verified_at = excluded.verified_at
"""

TRIED_AMONG = "SELECT format FROM tried_formats WHERE format = ANY($1::text[])"

LOGIN = "SELECT login FROM accounts WHERE id = $1"


async def record_tried(connection: asyncpg.Connection, format_name: str) -> None:
    """Record that a known password was VERIFIED under a format or formula. Repeating it changes only the time."""
    await connection.execute(RECORD_TRIED, format_name)


async def tried_among(connection: asyncpg.Connection, formats: Collection[str]) -> set[str]:
    """Those of `formats` under which a known password was VERIFIED."""
    return {row["format"] for row in await connection.fetch(TRIED_AMONG, list(formats))}


async def login_of(connection: asyncpg.Connection, account_id: int) -> str | None:
    """The login of an account as it was loaded; None where the account is deleted."""
    login: str | None = await connection.fetchval(LOGIN, account_id)
    return login

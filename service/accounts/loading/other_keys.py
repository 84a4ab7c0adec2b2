"""Stored hashes that are encrypted under another key than the rows of a load."""

from collections.abc import Sequence

import asyncpg

UNDER_OTHER_KEYS = """
SELECT staged.line, kept.hash, kept.key_id
FROM staged JOIN accounts AS account ON account.login_key = staged.login_key
JOIN hashes AS kept ON kept.account_id = account.id AND kept.source_id = $1
WHERE staged.hash IS NOT NULL AND kept.key_id IS DISTINCT FROM staged.key_id
"""

TAKE_KEPT = """
UPDATE staged SET hash = kept.hash, key_id = kept.key_id
FROM accounts AS account JOIN hashes AS kept ON kept.account_id = account.id
WHERE account.login_key = staged.login_key AND kept.source_id = $1 AND staged.line = ANY($2::bigint[])
"""


async def under_other_keys(connection: asyncpg.Connection, source_id: int) -> list[tuple[int, bytes, str | None]]:
    """Give the kept hashes, with their keys, that are under another key than the staged ones; each by its line."""
    return [tuple(row) for row in await connection.fetch(UNDER_OTHER_KEYS, source_id)]


async def take_kept(connection: asyncpg.Connection, source_id: int, lines: Sequence[int]) -> None:
    """Stage what is kept already, for lines that say the same."""
    await connection.execute(TAKE_KEPT, source_id, lines)

"""Queries of reconciliation: the position in an org's System Log."""

from dataclasses import field
from datetime import UTC, datetime

import asyncpg

from service.immutable import immutable

FIND = "SELECT next_link, saved_at, rescanned_until, users_compared_at, filter FROM log_cursors WHERE org = $1"

SAVE = """
INSERT INTO log_cursors (org, next_link, saved_at, filter) VALUES ($1, $2, $3, $4)
ON CONFLICT (org) DO UPDATE
SET next_link = excluded.next_link, saved_at = excluded.saved_at, filter = excluded.filter
"""

RESCANNED = "UPDATE log_cursors SET rescanned_until = $2 WHERE org = $1"

USERS_COMPARED = "UPDATE log_cursors SET users_compared_at = $2 WHERE org = $1"

OLDEST_ACCOUNT = "SELECT min(loaded_at) FROM accounts"


REREAD_SINCE = "reconcile_since"
"""The row of `installation` that asks for the log to be read again from then on."""

ASK_TO_REREAD = """
INSERT INTO installation AS known (name, value) VALUES ($1, $2)
ON CONFLICT (name) DO UPDATE SET value = least(known.value, excluded.value)
"""

REREAD = "SELECT value FROM installation WHERE name = $1"

# A request that came meanwhile stays. The row stays too, since the operator's role may not delete it: ~ sorts last.
REREAD_DONE = "UPDATE installation SET value = '~' WHERE name = $1 AND value = $2"


@immutable
class LogCursor:
    """Where reading goes on."""

    next_link: str = field(repr=False)
    saved_at: datetime
    """When it was still good: events that were persisted before are read."""
    rescanned_until: datetime | None
    users_compared_at: datetime | None
    filter: str | None = None
    """What the link asks for; None for one from before this was kept, which asks for import events alone."""


async def find_cursor(connection: asyncpg.Connection, org: str) -> LogCursor | None:
    """Find where reading this org's log stopped."""
    row = await connection.fetchrow(FIND, org)
    return None if row is None else LogCursor(*row)


async def save_cursor(
    connection: asyncpg.Connection, org: str, next_link: str, moment: datetime, asked: str | None = None
) -> None:
    """Remember the link to the next page, once the events before it are committed; `asked`: the filter."""
    await connection.execute(SAVE, org, next_link, moment, asked)


async def save_rescanned(connection: asyncpg.Connection, org: str, until: datetime) -> None:
    """Remember until when events were looked for a second time."""
    await connection.execute(RESCANNED, org, until)


async def save_compared(connection: asyncpg.Connection, org: str, moment: datetime) -> None:
    """Remember when the accounts were last compared with the org's users."""
    await connection.execute(USERS_COMPARED, org, moment)


async def oldest_account(connection: asyncpg.Connection) -> datetime | None:
    """Tell since when there are accounts."""
    moment: datetime | None = await connection.fetchval(OLDEST_ACCOUNT)
    return moment


async def ask_to_reread(connection: asyncpg.Connection, since: datetime) -> None:
    """Ask the process that reconciles now, or the next one, to read the log again from then on."""
    wanted = since.astimezone(UTC).isoformat(timespec="microseconds").encode()
    await connection.execute(ASK_TO_REREAD, REREAD_SINCE, wanted)


async def find_reread(connection: asyncpg.Connection) -> datetime | None:
    """Find from when on the log is to be read again, the earliest that was asked for; None where nothing was."""
    value: bytes | None = await connection.fetchval(REREAD, REREAD_SINCE)
    return None if value in (None, b"~") else datetime.fromisoformat(value.decode())


async def end_reread(connection: asyncpg.Connection, since: datetime) -> None:
    """Note that the log was read again from then on."""
    done = since.astimezone(UTC).isoformat(timespec="microseconds").encode()
    await connection.execute(REREAD_DONE, REREAD_SINCE, done)

"""Queries of reconciliation: the position in an org's System Log."""

from collections.abc import Sequence
from dataclasses import field
from datetime import UTC, datetime

import asyncpg

from service.immutable import immutable
from service.okta.hook_calls import HookCall

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
"""The row of `installation` that requests reading the log again from a time."""

ASK_TO_REREAD = """
INSERT INTO installation AS known (name, value) VALUES ($1, $2)
ON CONFLICT (name) DO UPDATE SET value = least(known.value, excluded.value)
"""

REREAD = "SELECT value FROM installation WHERE name = $1"

# A concurrent request is kept. The row is updated, since the operator's role may not delete it: ~ sorts last.
REREAD_DONE = "UPDATE installation SET value = '~' WHERE name = $1 AND value = $2"


@immutable
class LogCursor:
    """The position where reading continues."""

    next_link: str = field(repr=False)
    saved_at: datetime
    """When the link was last valid: events that were persisted before have been read."""
    rescanned_until: datetime | None
    users_compared_at: datetime | None
    filter: str | None = None
    """The filter of the link; None for an old link without it, which covers only import events."""


async def find_cursor(connection: asyncpg.Connection, org: str) -> LogCursor | None:
    """Return the position where reading this org's log stopped."""
    row = await connection.fetchrow(FIND, org)
    return None if row is None else LogCursor(*row)


async def save_cursor(
    connection: asyncpg.Connection, org: str, next_link: str, moment: datetime, asked: str | None = None
) -> None:
    """Save the link to the next page, after the events before it are committed; `asked`: the filter."""
    await connection.execute(SAVE, org, next_link, moment, asked)


async def save_rescanned(connection: asyncpg.Connection, org: str, until: datetime) -> None:
    """Save the time until which late events were searched for."""
    await connection.execute(RESCANNED, org, until)


async def save_compared(connection: asyncpg.Connection, org: str, moment: datetime) -> None:
    """Save when the accounts were last compared with the org's users."""
    await connection.execute(USERS_COMPARED, org, moment)


async def oldest_account(connection: asyncpg.Connection) -> datetime | None:
    """Return when the oldest account was loaded."""
    moment: datetime | None = await connection.fetchval(OLDEST_ACCOUNT)
    return moment


async def ask_to_reread(connection: asyncpg.Connection, since: datetime) -> None:
    """Request that the current or next reconciliation reads the log again from a time."""
    wanted = since.astimezone(UTC).isoformat(timespec="microseconds").encode()
    await connection.execute(ASK_TO_REREAD, REREAD_SINCE, wanted)


async def find_reread(connection: asyncpg.Connection) -> datetime | None:
    """Return the earliest requested time from which to read the log again; None if there is no request."""
    value: bytes | None = await connection.fetchval(REREAD, REREAD_SINCE)
    return None if value in (None, b"~") else datetime.fromisoformat(value.decode())


async def end_reread(connection: asyncpg.Connection, since: datetime) -> None:
    """Mark the request as done."""
    done = since.astimezone(UTC).isoformat(timespec="microseconds").encode()
    await connection.execute(REREAD_DONE, REREAD_SINCE, done)


# Calls of our hooks as reported by the log, with our verdicts.

CALL_CURSOR = "SELECT next_link, saved_at FROM okta_call_cursors WHERE org = $1"

SAVE_CALL_CURSOR = """
INSERT INTO okta_call_cursors (org, next_link, saved_at) VALUES ($1, $2, $3)
ON CONFLICT (org) DO UPDATE SET next_link = excluded.next_link, saved_at = excluded.saved_at
"""

OWN_HOOK_IDS = "SELECT hook_id FROM own_hooks WHERE org = $1"

# Joined by the code in our answer or, if that did not arrive, by the request id, within minutes of the call.
RECORD_CALLS = """
WITH given AS (
    SELECT * FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
                         $9::timestamptz[])
        AS call (uuid, event, outcome, reason, hook_id, code, request_id, published)
), span AS (
    SELECT greatest(min(published) - interval '2 minutes', now() - interval '1 day') AS begin,
           max(published) + interval '2 minutes' AS until
    FROM given WHERE code IS NULL AND request_id IS NOT NULL
), by_request AS (
    SELECT DISTINCT ON (entry.request_id) entry.request_id, entry.action
    FROM audit AS entry, span
    WHERE entry.at BETWEEN span.begin AND span.until AND entry.action IN ('verified', 'refused', 'throttled')
      AND entry.request_id IN (SELECT request_id FROM given WHERE code IS NULL)
    ORDER BY entry.request_id, entry.id DESC
), added AS (
    INSERT INTO okta_calls (org, uuid, event, outcome, reason, hook_id, code, request_id, published, verdict)
    SELECT $1, given.uuid, given.event, given.outcome, given.reason, given.hook_id, given.code, given.request_id,
           given.published,
           coalesce((SELECT entry.action FROM audit AS entry WHERE entry.code = given.code ORDER BY id LIMIT 1),
                    by_request.action)
    FROM given LEFT JOIN by_request ON by_request.request_id = given.request_id AND given.code IS NULL
    ORDER BY given.uuid
    ON CONFLICT (uuid) DO NOTHING
    RETURNING event, outcome, coalesce(verdict, 'none') AS verdict
), counted AS (
    INSERT INTO okta_call_counts AS known (event, outcome, verdict, number)
    SELECT event, outcome, verdict, count(*) FROM added GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    ON CONFLICT (event, outcome, verdict) DO UPDATE SET number = known.number + excluded.number
)
SELECT count(*) FROM added
"""


async def find_call_cursor(connection: asyncpg.Connection, org: str) -> tuple[str, datetime] | None:
    """Return where reading this org's log for hook calls stopped: the link, and when it was saved."""
    row = await connection.fetchrow(CALL_CURSOR, org)
    return None if row is None else (row["next_link"], row["saved_at"])


async def save_call_cursor(connection: asyncpg.Connection, org: str, next_link: str, moment: datetime) -> None:
    """Save the link to the next page."""
    await connection.execute(SAVE_CALL_CURSOR, org, next_link, moment)


async def own_hook_ids(connection: asyncpg.Connection, org: str) -> frozenset[str]:
    """Return the ids of the hooks that this installation created in an org."""
    return frozenset(row["hook_id"] for row in await connection.fetch(OWN_HOOK_IDS, org))


async def record_hook_calls(connection: asyncpg.Connection, org: str, calls: Sequence[HookCall]) -> int:
    """Store calls with our verdict on each; return how many were new."""
    unique = list({call.uuid: call for call in calls}.values())
    if not unique:
        return 0
    names = ("uuid", "event", "outcome", "reason", "hook_id", "code", "request_id", "published")
    columns = ([getattr(call, name) for call in unique] for name in names)
    return int(await connection.fetchval(RECORD_CALLS, org, *columns))

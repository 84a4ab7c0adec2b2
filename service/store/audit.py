"""The audit trail's table: what was done, to whom, when and why.

What is done to an account is recorded in the transaction that does it. What is only said (a refusal, a screening) may
come a moment later, many at a time.
"""

import enum
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta

import asyncpg

from service.immutable import immutable

MAX_REASON = 300
"""Characters."""


class Action(enum.StrEnum):
    """What was done."""

    VERIFIED = "verified"
    REFUSED = "refused"
    THROTTLED = "throttled"
    SCREENED = "screened"
    FORGOTTEN = "forgotten"
    RETIRED = "retired"
    LOADED = "loaded"
    DELETED = "deleted"
    TRIED = "tried"
    """A known password was checked by `try`."""
    SEARCHED = "searched"
    """An account was looked up on the status page."""
    SKIPPED = "skipped"
    """More was said in a moment than is written down; the reason tells how much."""


@immutable
class Entry:
    """One entry, as it is written."""

    action: Action
    reason: str
    code: str | None = None
    """Random; the answer to Okta carries it, so that Okta's System Log leads here."""
    account_id: int | None = None
    last_account_id: int | None = None
    """Where an entry is about all accounts from `account_id` to this one, as a batch that was loaded is."""
    event_id: str | None = None
    request_id: str | None = None


@immutable
class Chosen:
    """Which entries are wanted; None means any."""

    since: datetime | None = None
    until: datetime | None = None
    code: str | None = None
    login_key: str | None = None
    action: str | None = None


RECORD = """
INSERT INTO audit (action, reason, code, account_id, last_account_id, event_id, request_id, at)
SELECT action, left(reason, 300), code, account_id, last_account_id, event_id, request_id, coalesce(at, now())
FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::text[], $7::text[], $8::timestamptz[])
     AS said (action, reason, code, account_id, last_account_id, event_id, request_id, at)
"""

RECORD_CHANGED = """
INSERT INTO audit (action, reason, account_id)
SELECT 'loaded', CASE WHEN rehash THEN 'new hash' ELSE 'changed' END || ', source ' || $1, account_id
FROM staged WHERE outcome = 'changed' ORDER BY account_id
"""

PRUNE = "SELECT prune_audit($1, $2)"

PRUNE_EVENTS = """
DELETE FROM import_events WHERE uuid IN (
    SELECT uuid FROM import_events
    WHERE received_at < now() - $1::interval AND NOT (effect = 'unmatched' AND outcome = 'SUCCESS')
    ORDER BY received_at LIMIT $2)
"""

# Not so many at a time that a statement takes long; their counts stay.
PRUNE_CALLS = """
DELETE FROM okta_calls WHERE uuid IN (
    SELECT uuid FROM okta_calls WHERE received_at < now() - $1::interval ORDER BY received_at LIMIT $2)
"""

PRUNE_UNREADABLE = "DELETE FROM unreadable_events WHERE received_at < now() - $1::interval"

EXPORT = """
SELECT entry.at, entry.action, entry.reason, entry.code, entry.account_id, entry.last_account_id,
       entry.event_id, entry.request_id, account.login
FROM audit AS entry LEFT JOIN accounts AS account ON account.id = entry.account_id AND entry.last_account_id IS NULL
WHERE ($1::timestamptz IS NULL OR entry.at >= $1) AND ($2::timestamptz IS NULL OR entry.at < $2)
  AND ($3::text IS NULL OR entry.code = $3) AND ($4::text IS NULL OR entry.action = $4)
  AND ($5::text IS NULL OR EXISTS (
      SELECT FROM accounts AS asked WHERE asked.login_key = $5
      AND asked.id BETWEEN entry.account_id AND coalesce(entry.last_account_id, entry.account_id)))
ORDER BY entry.id
"""


async def record(
    connection: asyncpg.Connection, entries: Sequence[Entry], at: Sequence[datetime | None] | None = None
) -> None:
    """Write entries down, in the caller's transaction where there is one; as of now, or of `at`."""
    columns = ([getattr(entry, name) for entry in entries] for name in Entry.__dataclass_fields__)
    await connection.execute(RECORD, *columns, at or [None] * len(entries))


async def record_loaded(connection: asyncpg.Connection, source: str, added: Sequence[int]) -> None:
    """Write down, in the transaction of a batch, which accounts it added (their ids follow one another)."""
    if added:
        entry = Entry(Action.LOADED, f"new, source {source}", account_id=min(added), last_account_id=max(added))
        await record(connection, [entry])


async def record_changed(connection: asyncpg.Connection, source: str) -> None:
    """Write down, in the transaction of a batch, which accounts it changed."""
    await connection.execute(RECORD_CHANGED, source)


async def prune(connection: asyncpg.Connection, keep: timedelta, most: int) -> int:
    """Delete what is older than `keep`: entries, events, and what could not be read; at most so many of a kind.

    A SUCCESS that means nobody yet is kept until somebody is loaded whom it means.
    """
    pruned: int = await connection.fetchval(PRUNE, keep, most)
    bounded = (keep, most)
    for statement, values in ((PRUNE_EVENTS, bounded), (PRUNE_CALLS, bounded), (PRUNE_UNREADABLE, (keep,))):
        pruned += int((await connection.execute(statement, *values)).split()[-1])
    return pruned


async def export(connection: asyncpg.Connection, chosen: Chosen) -> AsyncIterator[asyncpg.Record]:
    """Return the entries in the order in which they were written, a few at a time. In the caller's transaction."""
    values = chosen.since, chosen.until, chosen.code, chosen.action, chosen.login_key
    async for row in connection.cursor(EXPORT, *values, prefetch=1000):
        yield row

"""The audit trail's table: what was done, to whom, when and why.

A change to an account is recorded in the transaction that makes it. Other actions (a refused sign-in, a screening) may
be recorded a moment later, in batches.
"""

import enum
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta

import asyncpg

from service.immutable import immutable

MAX_REASON = 300
"""Characters."""


class Action(enum.StrEnum):
    """The recorded action."""

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
    """More entries arrived than are written; the reason states how many were skipped."""


@immutable
class Entry:
    """One entry, as it is written."""

    action: Action
    reason: str
    code: str | None = None
    """Random; it is part of the answer to Okta, so that Okta's System Log refers to this entry."""
    account_id: int | None = None
    last_account_id: int | None = None
    """If set, the entry covers all accounts from `account_id` to this one, such as a loaded batch."""
    event_id: str | None = None
    request_id: str | None = None


@immutable
class Chosen:
    """A filter for entries; None matches any."""

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

# In slices, so that a statement does not take long; the counts of the rows are kept.
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
    """Write entries, in the caller's transaction if there is one; as of now, or of `at`."""
    columns = ([getattr(entry, name) for entry in entries] for name in Entry.__dataclass_fields__)
    await connection.execute(RECORD, *columns, at or [None] * len(entries))


async def record_loaded(connection: asyncpg.Connection, source: str, added: Sequence[int]) -> None:
    """Record, in the transaction of a batch, the accounts that it added (their ids are consecutive)."""
    if added:
        entry = Entry(Action.LOADED, f"new, source {source}", account_id=min(added), last_account_id=max(added))
        await record(connection, [entry])


async def record_changed(connection: asyncpg.Connection, source: str) -> None:
    """Record, in the transaction of a batch, the accounts that it changed."""
    await connection.execute(RECORD_CHANGED, source)


async def prune(connection: asyncpg.Connection, keep: timedelta, most: int) -> int:
    """Delete entries, events and unreadable content older than `keep`, at most `most` rows of each.

    A SUCCESS that matches no account is kept until such an account is loaded.
    """
    pruned: int = await connection.fetchval(PRUNE, keep, most)
    bounded = (keep, most)
    for statement, values in ((PRUNE_EVENTS, bounded), (PRUNE_CALLS, bounded), (PRUNE_UNREADABLE, (keep,))):
        pruned += int((await connection.execute(statement, *values)).split()[-1])
    return pruned


async def export(connection: asyncpg.Connection, chosen: Chosen) -> AsyncIterator[asyncpg.Record]:
    """Yield the entries in the order in which they were written, in small batches. Needs the caller's transaction."""
    values = chosen.since, chosen.until, chosen.code, chosen.action, chosen.login_key
    async for row in connection.cursor(EXPORT, *values, prefetch=1000):
        yield row

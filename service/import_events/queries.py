"""Queries of import events: the record, the binding of Okta ids, the tombstone and the deleted hash.

Only statements; the effect of an event is decided by `service.import_events.decide`.
"""

import enum
from collections.abc import Sequence
from datetime import datetime

import asyncpg

from service.immutable import immutable
from service.store.accounts import Match, State
from service.store.okta_logins import settle_logins

# Import events that matched no account when they arrived, found again for accounts that were added or bound since.

# Each event once: its Okta id may match one account and its login another.
UNMATCHED_EVENTS = """
SELECT DISTINCT event.uuid, event.okta_user_id, event.login_key, event.outcome, event.reason, event.published,
       event.transaction_id, event.channel
FROM accounts AS account
JOIN import_events AS event ON event.effect = 'unmatched'
    AND (event.okta_user_id = account.okta_id OR (event.login_key = account.login_key AND account.okta_id IS NULL))
WHERE account.id = ANY($1::bigint[])
ORDER BY event.published NULLS FIRST, event.uuid
"""


@immutable
class UnmatchedEvent:
    """An event that matched no account when it arrived."""

    uuid: str
    okta_user_id: str | None
    login_key: str | None
    outcome: str
    reason: str | None
    published: datetime | None
    transaction_id: str | None
    channel: str


async def list_unmatched(connection: asyncpg.Connection, account_ids: Sequence[int]) -> list[UnmatchedEvent]:
    """List the unmatched events that apply to one of these accounts, the oldest first."""
    return [UnmatchedEvent(*row) for row in await connection.fetch(UNMATCHED_EVENTS, account_ids)]


class BindingLock(enum.IntEnum):
    """How a transaction holds the binding lock, before it locks anything else.

    A transaction that adds accounts or binds Okta ids holds it exclusively, one that records an unmatched event holds
    it shared. So one of the two always sees what the other wrote.
    """

    NONE = 0
    SHARED = 1
    EXCLUSIVE = 2


ACQUIRE_BINDING_LOCK = {
    BindingLock.SHARED: "SELECT 1 FROM installation WHERE name = 'binding_gate' FOR SHARE",
    BindingLock.EXCLUSIVE: "SELECT 1 FROM installation WHERE name = 'binding_gate' FOR UPDATE",
}

# Each Okta id and each login is looked up on its own (LATERAL, OFFSET 0): a plan for all of them reads the whole table
# where statistics are missing, as after a load. The last condition is for rows that change before they are locked.
MATCHES = """
SELECT id, login_key, okta_id, state, verified_at, okta_login_key, superseded FROM accounts
WHERE id = ANY(ARRAY(
    SELECT known.id FROM unnest($1::text[]) AS asked,
    LATERAL (SELECT id FROM accounts WHERE okta_id = asked OFFSET 0) AS known
    UNION
    SELECT known.id FROM unnest($2::text[]) AS asked,
    LATERAL (
        SELECT id FROM accounts WHERE login_key = asked
        UNION ALL SELECT id FROM accounts WHERE okta_login_key = asked OFFSET 0
    ) AS known
)) AND (okta_id = ANY($1::text[]) OR login_key = ANY($2::text[]) OR okta_login_key = ANY($2::text[]))
ORDER BY id
"""
# Always locked in the order of id, so that two deliveries with the same people cannot deadlock.
LOCK_MATCHES = MATCHES + "FOR UPDATE"

# The statements below join the listed rows and also name them by "= ANY": with the join alone, PostgreSQL reads the
# whole table where statistics are missing, as after a load.

# An unmatched event may be recorded again, but only unchanged: the first event under a uuid is the one that counts.
ALREADY_RECORDED = """
SELECT known.uuid
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[])
     AS event (uuid, okta_user_id, login_key, outcome, published)
JOIN import_events AS known USING (uuid)
WHERE known.uuid = ANY($1::text[])
  AND (known.effect <> 'unmatched'
       OR (known.okta_user_id, known.login_key, known.outcome, known.published)
          IS DISTINCT FROM (event.okta_user_id, event.login_key, event.outcome, event.published))
"""

RECORD_EVENTS = """
INSERT INTO import_events AS known (uuid, delivery_id, okta_user_id, login_key, outcome, reason, published,
                                    transaction_id, channel, account_id, effect)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[],
                     $8::text[], $9::text[], $10::bigint[], $11::text[])
ON CONFLICT (uuid) DO UPDATE SET account_id = excluded.account_id, effect = excluded.effect
WHERE known.effect = 'unmatched'
  AND (known.okta_user_id, known.login_key, known.outcome, known.published)
      IS NOT DISTINCT FROM (excluded.okta_user_id, excluded.login_key, excluded.outcome, excluded.published)
RETURNING uuid
"""

DELETE_HASHES = "DELETE FROM hashes WHERE account_id = ANY($1::bigint[])"

MARK_MIGRATED = """
WITH marked AS (
    UPDATE accounts AS account
    SET state = 'migrated', forgotten_at = coalesce(account.forgotten_at, now()), proof = event.uuid,
        profile = '{}', okta_id = coalesce(account.okta_id, event.okta_id)
    FROM unnest($1::bigint[], $2::text[], $3::text[]) AS event (account_id, uuid, okta_id)
    WHERE account.id = event.account_id AND account.id = ANY($1::bigint[]) AND account.state <> 'migrated'
    RETURNING account.id, event.uuid
)
INSERT INTO audit (action, reason, account_id, event_id, request_id)
SELECT 'forgotten', 'SUCCESS ' || marked.uuid, marked.id, event.delivery_id, event.transaction_id
FROM marked LEFT JOIN import_events AS event ON event.uuid = marked.uuid AND event.uuid = ANY($2::text[])
"""

BIND = """
UPDATE accounts AS account SET okta_id = event.okta_id
FROM unnest($1::bigint[], $2::text[]) AS event (account_id, okta_id)
WHERE account.id = event.account_id AND account.id = ANY($1::bigint[]) AND account.okta_id IS NULL
"""

MAX_UNREADABLE_ROWS = 10_000
MAX_UNREADABLE_BYTES = 256 * 2**20
"""Limits on stored unreadable events, so that a holder of the event hook's secret cannot fill the disk. The first ones
are kept: later ones add little information, and all are counted."""

KEEP_UNREADABLE = """
INSERT INTO unreadable_events (digest, channel, delivery_id, fault, body)
SELECT given.digest, given.channel, given.delivery_id, given.fault, given.body
FROM (
         SELECT *, sum(octet_length(body)) OVER (ORDER BY number) AS bytes
         FROM unnest($1::bytea[], $2::text[], $3::text[], $4::text[], $5::bytea[]) WITH ORDINALITY
             AS listed (digest, channel, delivery_id, fault, body, number)
     ) AS given,
     (SELECT count(*) AS number, coalesce(sum(octet_length(body)), 0) AS bytes FROM unreadable_events) AS kept
WHERE kept.number + given.number <= $6 AND kept.bytes + given.bytes <= $7
ON CONFLICT (digest) DO NOTHING
"""


@immutable
class RecordedEvent:
    """An import event as recorded, with its account and its effect."""

    uuid: str
    delivery_id: str | None
    okta_user_id: str | None
    login_key: str | None
    outcome: str
    reason: str | None
    published: datetime | None
    transaction_id: str | None
    channel: str
    account_id: int | None
    effect: str


@immutable
class Proof:
    """The event that proves that Okta has the password of an account."""

    account_id: int
    uuid: str
    binds: str | None
    """The Okta id that the account gets from it, if it has none."""


async def acquire_binding_lock(connection: asyncpg.Connection, lock: BindingLock) -> None:
    """Hold the binding lock until the transaction ends."""
    if lock is not BindingLock.NONE:
        await connection.execute(ACQUIRE_BINDING_LOCK[lock])


async def find_matches(
    connection: asyncpg.Connection, okta_ids: Sequence[str], login_keys: Sequence[str], *, lock: bool
) -> list[Match]:
    """List the accounts with one of these Okta ids or logins, loaded or Okta's, in the order of id."""
    rows = await connection.fetch(LOCK_MATCHES if lock else MATCHES, okta_ids, login_keys)
    return [Match(**{**row, "state": State(row["state"])}) for row in rows]


async def already_recorded(
    connection: asyncpg.Connection, events: Sequence[tuple[str, str | None, str | None, str, datetime | None]]
) -> frozenset[str]:
    """Return which events are recorded and done, given their uuid, Okta id, login key, outcome and time.

    An unmatched one may be tried again.
    """
    columns = list(zip(*events, strict=True)) or [()] * 5
    return frozenset(row["uuid"] for row in await connection.fetch(ALREADY_RECORDED, *columns))


async def record_events(connection: asyncpg.Connection, events: Sequence[RecordedEvent]) -> bool:
    """Record each event once; an unmatched one that now matches gets its new effect.

    Return False if another event was recorded under one of the uuids since `already_recorded` was called.
    """
    rows = sorted(events, key=lambda event: event.uuid)
    columns = (
        [getattr(row, name) for row in rows]
        for name in RecordedEvent.__dataclass_fields__  # the columns of RECORD_EVENTS, in its order
    )
    return len(await connection.fetch(RECORD_EVENTS, *columns)) == len(rows)


async def mark_migrated(connection: asyncpg.Connection, proofs: Sequence[Proof]) -> None:
    """Delete the hashes of accounts and turn them into tombstones."""
    account_ids = [each.account_id for each in proofs]
    await connection.execute(DELETE_HASHES, account_ids)
    uuids, okta_ids = [each.uuid for each in proofs], [each.binds for each in proofs]
    await connection.execute(MARK_MIGRATED, account_ids, uuids, okta_ids)
    await settle_logins(connection, [each.account_id for each in proofs if each.binds])


async def bind(connection: asyncpg.Connection, pairs: Sequence[tuple[int, str]]) -> None:
    """Store the Okta ids of accounts."""
    if pairs:
        account_ids = [account_id for account_id, _ in pairs]
        await connection.execute(BIND, account_ids, [okta_id for _, okta_id in pairs])
        await settle_logins(connection, account_ids)


async def keep_unreadable(
    connection: asyncpg.Connection,
    channel: str,
    delivery_id: str | None,
    unreadable: Sequence[tuple[bytes, str, bytes]],
) -> None:
    """Store what could not be parsed: its digest, the fault and the bytes. Equal bytes are stored once.

    Nothing is stored beyond `MAX_UNREADABLE_ROWS` and `MAX_UNREADABLE_BYTES` in total.
    """
    rows = sorted(unreadable)
    await connection.execute(
        KEEP_UNREADABLE,
        [digest for digest, _, _ in rows],
        [channel] * len(rows),
        [delivery_id] * len(rows),
        [fault for _, fault, _ in rows],
        [body for _, _, body in rows],
        MAX_UNREADABLE_ROWS,
        MAX_UNREADABLE_BYTES,
    )

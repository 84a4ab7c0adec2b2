"""Figures of the status page: counts of each replica, the last count of all accounts, and the latest events.

A page must not count millions of rows. The service counts the accounts in slices of ids, one replica at a time, and
stores the result with its time; a page reads that, the rows of the replicas, and a bounded number of events.
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import field
from datetime import date, datetime, timedelta
from typing import Any

import asyncpg

from service.immutable import immutable

# The rows that each replica writes every few seconds. Counts are totals per minute, so repeated writes change nothing.

KEPT = timedelta(hours=1)
"""How long the minutes of a replica count."""
GONE_AFTER = timedelta(minutes=10)
"""How long a replica that was killed is shown."""
STALE_AFTER = timedelta(seconds=30)
"""A replica that has not written for this long is down, or cannot reach the database."""

WRITE_REPLICA = """
INSERT INTO replicas (id, name, started_at, seen_at, figures) VALUES ($1, $2, $3, now(), $4)
ON CONFLICT (id) DO UPDATE SET seen_at = now(), figures = excluded.figures
"""

WRITE_MINUTES = """
INSERT INTO replica_minutes (replica_id, minute, counts)
SELECT $1, minute, counts FROM unnest($2::timestamptz[], $3::jsonb[]) AS written (minute, counts)
ON CONFLICT (replica_id, minute) DO UPDATE SET counts = excluded.counts
"""

REMOVE_OLD_REPLICAS = "DELETE FROM replicas WHERE seen_at < now() - $1::interval"

REMOVE_OLD_MINUTES = "DELETE FROM replica_minutes WHERE minute < now() - $1::interval"

REMOVE_REPLICA = "DELETE FROM replicas WHERE id = $1"


@immutable
class ReplicaFigures:
    """One process of `serve`, as of its last write."""

    id: str
    name: str
    started_at: datetime
    seen_ago: timedelta
    figures: dict[str, Any] = field(repr=False)
    counts: Counter[str] = field(repr=False)
    """Counts of the last hour."""


async def write_replica(
    connection: asyncpg.Connection,
    replica: ReplicaFigures,
    minutes: Mapping[datetime, Mapping[str, int]],
) -> None:
    """Write a replica's figures and counts in the caller's transaction, and remove old rows."""
    await connection.execute(WRITE_REPLICA, replica.id, replica.name, replica.started_at, json.dumps(replica.figures))
    if minutes:
        counts = [json.dumps(dict(each)) for each in minutes.values()]
        await connection.execute(WRITE_MINUTES, replica.id, list(minutes), counts)
    await connection.execute(REMOVE_OLD_REPLICAS, GONE_AFTER)
    await connection.execute(REMOVE_OLD_MINUTES, KEPT)


async def remove_replica(connection: asyncpg.Connection, replica_id: str) -> None:
    """Remove a replica that stops. Its minutes stay, since they are part of the last hour."""
    await connection.execute(REMOVE_REPLICA, replica_id)


# Counting the accounts. Each statement reads a slice of ids, so that none takes long, whatever the number of accounts.

SLICE = 50_000
"""Ids per statement: some 20 ms."""
REST = timedelta(seconds=15)
"""The minimum time between two counts."""
DUTY = 50
"""A count that took n seconds is repeated after 50 n at the earliest: at most 2 % of one core of the database."""
CLAIM = timedelta(minutes=1)
"""How long other replicas wait for one that died while counting."""

CLAIM_COUNT = """
INSERT INTO account_counts AS known (counts, counted_at, seconds, claimed_until)
VALUES ('{}', '-infinity', 0, now() + $1::interval)
ON CONFLICT (id) DO UPDATE SET claimed_until = now() + $1::interval
WHERE known.claimed_until < now()
  AND known.counted_at < now() - greatest($2::interval, $3 * known.seconds * '1 s'::interval)
RETURNING true
"""

RENEW_CLAIM = "UPDATE account_counts SET claimed_until = now() + $1::interval"

KEEP_COUNT = "UPDATE account_counts SET counts = $1, counted_at = now(), seconds = $2, claimed_until = '-infinity'"

READ_COUNT = "SELECT counts, counted_at, claimed_until > now() AS is_counting FROM account_counts WHERE counts <> '{}'"

LAST_ID = "SELECT coalesce(max(id), 0) FROM accounts"

COUNT_ACCOUNTS = """
SELECT state, (forgotten_at AT TIME ZONE 'UTC')::date AS day, count(*) AS number,
       count(*) FILTER (WHERE state = 'verified' AND verified_at < $3) AS verified_long_ago,
       count(*) FILTER (WHERE armed AND okta_id IS NULL) AS not_in_okta,
       count(*) FILTER (WHERE state = 'unarmed' AND disabled_reason IS NOT NULL) AS disabled
FROM accounts WHERE id > $1 AND id <= $2 GROUP BY 1, 2
"""

COUNT_HASHES = """
SELECT recipe_id, source_id, key_id, count(*) AS number FROM hashes
WHERE account_id > $1 AND account_id <= $2 GROUP BY 1, 2, 3
"""

# Okta's latest reason for each account that still has a hash.
COUNT_FAILURES = """
SELECT reason, count(*) AS number FROM (
    SELECT DISTINCT ON (event.account_id) coalesce(event.reason, event.outcome) AS reason
    FROM import_events AS event JOIN accounts AS account ON account.id = event.account_id AND account.armed
    WHERE event.effect = 'kept' AND event.account_id > $1 AND event.account_id <= $2
    ORDER BY event.account_id, event.published DESC NULLS LAST
) AS last GROUP BY 1
"""

COUNT_REFUSED = """
SELECT count(*) FROM provisionings JOIN accounts ON id = account_id
WHERE outcome = 'refused' AND armed AND okta_id IS NULL
"""

LATEST = 1_000
"""Import events that the figures on events are about."""

EVENTS = """
SELECT max(received_at) FILTER (WHERE channel = 'hook') AS last_delivered,
       count(*) FILTER (WHERE effect = 'migrated') AS migrated,
       count(*) FILTER (WHERE effect = 'migrated' AND channel = 'log') AS only_in_log,
       count(*) FILTER (WHERE effect IN ('mismatch', 'unexplained') AND received_at > now() - '1 day'::interval)
           AS doubtful,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY lag) AS lag_median,
       percentile_cont(0.95) WITHIN GROUP (ORDER BY lag) AS lag_most
FROM (
    SELECT event.*, CASE WHEN event.effect = 'migrated'
           THEN greatest(extract(epoch FROM event.published - account.verified_at), 0)::float8 END AS lag
    FROM (SELECT * FROM import_events ORDER BY received_at DESC LIMIT $1) AS event
    LEFT JOIN accounts AS account ON account.id = event.account_id
) AS latest
"""

UNREADABLE = "SELECT count(*) FROM unreadable_events"

RECIPES_AND_SOURCES = """
SELECT 'recipe' AS kind, id, format AS name, cost FROM recipes UNION ALL SELECT 'source', id, name, NULL FROM sources
"""


@immutable
class SliceCount:
    """The counts of one slice of ids. Slices can be added."""

    states: Counter[str]
    days: Counter[tuple[date, str]]
    """Tombstones by day (UTC) and state."""
    hashes: Counter[tuple[int, int, str | None]]
    """By recipe, source and key."""
    stuck: Counter[str]
    failures: Counter[str]

    def add(self, other: "SliceCount") -> None:
        """Add the counts of another slice."""
        self.states.update(other.states)
        self.days.update(other.days)
        self.hashes.update(other.hashes)
        self.stuck.update(other.stuck)
        self.failures.update(other.failures)


@immutable
class EventFigures:
    """The latest import events, at the time of the count."""

    migrated: int = 0
    only_in_log: int = 0
    """Of these, those that no delivery brought before the System Log was read."""
    doubtful: int = 0
    """Of the last day: events that named another Okta id, or that no VERIFIED of ours explains."""
    lag_median: float | None = None
    """Seconds from VERIFIED to SUCCESS."""
    lag_most: float | None = None
    """The 95th percentile."""
    last_delivered: datetime | None = None
    """The last one that the event hook brought."""


def no_count() -> SliceCount:
    """Return an empty count."""
    return SliceCount(Counter(), Counter(), Counter(), Counter(), Counter())


async def last_id(connection: asyncpg.Connection) -> int:
    """Return the highest id of an account; 0 if there is none."""
    number: int = await connection.fetchval(LAST_ID)
    return number


async def count_slice(connection: asyncpg.Connection, after: int, last: int, verified_before: datetime) -> SliceCount:
    """Count the accounts with ids in (after, last], their hashes, and the reasons why Okta stored no password."""
    found = no_count()
    for row in await connection.fetch(COUNT_ACCOUNTS, after, last, verified_before):
        found.states[row["state"]] += row["number"]
        if row["day"] is not None:
            found.days[row["day"], row["state"]] += row["number"]
        for kind in ("verified_long_ago", "not_in_okta", "disabled"):
            found.stuck[kind] += row[kind]
    for row in await connection.fetch(COUNT_HASHES, after, last):
        found.hashes[row["recipe_id"], row["source_id"], row["key_id"]] += row["number"]
    for row in await connection.fetch(COUNT_FAILURES, after, last):
        found.failures[row["reason"]] += row["number"]
    return found


async def count_refused(connection: asyncpg.Connection) -> int:
    """Count the accounts with a hash that Okta refused to create."""
    number: int = await connection.fetchval(COUNT_REFUSED)
    return number


async def read_events(connection: asyncpg.Connection) -> EventFigures:
    """Read the figures on the latest events."""
    (row,) = await connection.fetch(EVENTS, LATEST)
    return EventFigures(**row)


async def count_unreadable(connection: asyncpg.Connection) -> int:
    """Count the unreadable deliveries; their number is bounded."""
    number: int = await connection.fetchval(UNREADABLE)
    return number


async def names_of_recipes(connection: asyncpg.Connection) -> tuple[dict[int, tuple[str, str]], dict[int, str]]:
    """Return format and cost of each recipe, and the name of each source, by id."""
    rows = await connection.fetch(RECIPES_AND_SOURCES)
    recipes = {row["id"]: (row["name"], row["cost"]) for row in rows if row["kind"] == "recipe"}
    return recipes, {row["id"]: row["name"] for row in rows if row["kind"] == "source"}


async def claim_count(connection: asyncpg.Connection) -> bool:
    """Claim the next count, if one is due and no other replica is counting."""
    return bool(await connection.fetchval(CLAIM_COUNT, CLAIM, REST, float(DUTY)))


async def renew_claim(connection: asyncpg.Connection) -> None:
    """Extend the claim during the count."""
    await connection.execute(RENEW_CLAIM, CLAIM)


async def keep_count(connection: asyncpg.Connection, counts: Mapping[str, Any], seconds: float) -> None:
    """Store a finished count, which took `seconds`, and end the claim."""
    await connection.execute(KEEP_COUNT, json.dumps(counts), seconds)


# The queries of a page: some twenty milliseconds, regardless of the size of the store.

REPLICAS = "SELECT id, name, started_at, now() - seen_at AS seen_ago, figures FROM replicas ORDER BY name, id"

MINUTES = """
SELECT replica_id, key, sum(value::bigint)::bigint AS number
FROM replica_minutes CROSS JOIN jsonb_each_text(counts) WHERE minute > now() - $1::interval GROUP BY 1, 2
"""

FEW = 100
"""Import events among which the last one of each channel is looked for."""

LAST_EVENTS = """
SELECT max(received_at) AS last, max(received_at) FILTER (WHERE channel = 'hook') AS last_delivered
FROM (SELECT received_at, channel FROM import_events ORDER BY received_at DESC LIMIT $1) AS latest
"""

LEASES = "SELECT name, holder FROM leases WHERE expires_at >= clock_timestamp() ORDER BY name"

LOGS = "SELECT org, saved_at, users_compared_at FROM log_cursors ORDER BY org"

CALL_FAILURES = """
SELECT event, sum(number)::bigint AS number FROM okta_call_counts WHERE outcome = 'FAILURE' GROUP BY 1 ORDER BY 1
"""

HOOKS_CHECK = "SELECT value FROM installation WHERE name = 'hooks_check'"

SET_HOOKS_CHECK = """
INSERT INTO installation (name, value) VALUES ('hooks_check', $1)
ON CONFLICT (name) DO UPDATE SET value = excluded.value
"""


@immutable
class LogRead:
    """How far an org's System Log has been read, and when its users were compared."""

    org: str
    read_at: datetime
    compared_at: datetime | None


@immutable
class HooksCheck:
    """The last `hooks check`: its time, and the number of faults and warnings."""

    at: datetime
    faults: int
    warnings: int


@immutable
class StoredFigures:
    """All figures that a page reads from the database."""

    counts: dict[str, Any] | None = field(repr=False)
    """The result of `service.administration.counting`; None before the first count."""
    counted_at: datetime | None
    replicas: tuple[ReplicaFigures, ...]
    counts_of_stopped: Counter[str]
    """The last hour of replicas that have stopped since."""
    last_event: datetime | None
    last_delivered: datetime | None
    """Of the event hook; None if it is not among the latest events."""
    logs: tuple[LogRead, ...]
    leases: tuple[tuple[str, str], ...]
    call_failures: dict[str, int]
    hooks_check: HooksCheck | None


async def read_figures(connection: asyncpg.Connection) -> StoredFigures:
    """Read the figures of a page."""
    counted = await connection.fetchrow(READ_COUNT)
    minutes: dict[str, Counter[str]] = {}
    for row in await connection.fetch(MINUTES, KEPT):
        minutes.setdefault(row["replica_id"], Counter())[row["key"]] = row["number"]
    replicas = tuple(
        ReplicaFigures(**{**row, "figures": json.loads(row["figures"])}, counts=minutes.pop(row["id"], Counter()))
        for row in await connection.fetch(REPLICAS)
    )
    (last,) = await connection.fetch(LAST_EVENTS, FEW)
    return StoredFigures(
        counts=json.loads(counted["counts"]) if counted else None,
        counted_at=counted["counted_at"] if counted else None,
        replicas=replicas,
        counts_of_stopped=sum(minutes.values(), Counter()),
        last_event=last["last"],
        last_delivered=last["last_delivered"],
        logs=tuple(LogRead(*row) for row in await connection.fetch(LOGS)),
        leases=tuple((row["name"], row["holder"]) for row in await connection.fetch(LEASES)),
        call_failures={row["event"]: row["number"] for row in await connection.fetch(CALL_FAILURES)},
        hooks_check=_hooks_check(await connection.fetchval(HOOKS_CHECK)),
    )


async def keep_hooks_check(connection: asyncpg.Connection, check: HooksCheck) -> None:
    """Store the result of `hooks check` for the status page."""
    value = {"at": check.at.isoformat(), "faults": check.faults, "warnings": check.warnings}
    await connection.execute(SET_HOOKS_CHECK, json.dumps(value).encode())


def _hooks_check(value: bytes | None) -> HooksCheck | None:
    if value is None:
        return None
    found = json.loads(value)
    return HooksCheck(datetime.fromisoformat(found["at"]), found["faults"], found["warnings"])

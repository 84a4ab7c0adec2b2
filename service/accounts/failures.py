"""Failed sign-ins, counted for each login and for each login and address. Knows no rule of how long anybody waits.

A row is named by a keyed digest, so that the table tells neither whom somebody tried to be (people type passwords into
the field for the name) nor from where, and each row is as short as any other. Logins without an account are counted
like the others.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import field
from datetime import datetime, timedelta

import asyncpg

from service.immutable import immutable

DIGEST = 16
"""Bytes of a row's name: among a million rows two meet with a chance of 1 in 10²⁶."""

FAILURES = """
SELECT pair.failures AS pair_failures, pair.since AS pair_since,
       login.failures AS login_failures, login.since AS login_since, now() AS now
FROM (SELECT $1::bytea AS pair, $2::bytea AS login) AS asked
LEFT JOIN failures AS pair ON pair.subject = asked.pair
LEFT JOIN failures AS login ON login.subject = asked.login
"""

# A pair remembers its last eight calls, so that Okta's retry of one, which comes soon or never, is no second failure.
# Two calls that count at once lock a pair's row before its login's, and so never each other's.
COUNT_FAILURE = """
WITH counted AS (
    INSERT INTO failures AS known (subject, failures, since, events) VALUES ($1, 1, now(), ARRAY[$3::bytea])
    ON CONFLICT (subject) DO UPDATE SET
        failures = CASE WHEN known.since < now() - $4::interval THEN 1 ELSE least(known.failures, 1000) + 1 END,
        since = now(),
        events = (ARRAY[$3::bytea] || known.events)[1:8]
    WHERE NOT known.events @> ARRAY[$3::bytea]
    RETURNING subject
)
INSERT INTO failures AS known (subject, failures, since) SELECT $2, 1, now() FROM counted
ON CONFLICT (subject) DO UPDATE SET
    failures = CASE WHEN known.since < now() - $4::interval THEN 1 ELSE least(known.failures, 1000) + 1 END,
    since = now()
"""

# In one order, so that two that note the same ones never lock each other.
RECORD_FIRST_ATTEMPTS = """
INSERT INTO failures AS known (subject, failures, since)
SELECT pair, 0, now() - ago FROM unnest($1::bytea[], $2::interval[]) AS asked (pair, ago) ORDER BY pair
ON CONFLICT (subject) DO UPDATE SET failures = 0, since = excluded.since, events = '{}'
WHERE known.since < now() - $3::interval
"""

CLEAR_FAILURES = "DELETE FROM failures WHERE subject IN ($1, $2)"

PRUNE_FAILURES = """
DELETE FROM failures
WHERE since < now() - $1::interval
   OR since < (SELECT since FROM failures ORDER BY since DESC OFFSET $2::bigint - 1 LIMIT 1)
"""


@immutable
class FailureCount:
    """Failures without a long pause between them."""

    failures: int
    since: datetime
    """When the last one was; where there is none, when the first refused call asked."""


@immutable
class Failures:
    """What is known about a login and an address when they ask."""

    pair: FailureCount | None
    login: FailureCount | None
    now: datetime
    """The database's clock, by which all replicas agree."""
    address_known: bool = True


@immutable
class ThrottleKey:
    """Who is counted: a login, and the network from which it is tried."""

    pair: bytes = field(repr=False)
    login: bytes = field(repr=False)
    address_known: bool


def throttle_key(digest_key: bytes, login_key: str, network: str | None) -> ThrottleKey:
    """Name the rows of a login and a network."""
    login = login_key.encode("utf-8", "surrogatepass")
    place = (network or "").encode()
    pair = b"pair" + len(login).to_bytes(4, "big") + login + place
    return ThrottleKey(_digest(digest_key, pair), _digest(digest_key, b"login" + login), network is not None)


async def read_failures(connection: asyncpg.Connection, who: ThrottleKey) -> Failures:
    """Read both streaks; they may be long over."""
    (row,) = await connection.fetch(FAILURES, who.pair, who.login)
    return failures_of(row, who)


def failures_of(row: asyncpg.Record, who: ThrottleKey) -> Failures:
    """Read both streaks from a row with the columns of FAILURES, whichever query it came with."""
    return Failures(
        _failure_count(row["pair_failures"], row["pair_since"]),
        _failure_count(row["login_failures"], row["login_since"]),
        row["now"],
        who.address_known,
    )


async def count_failure(
    connection: asyncpg.Connection, who: ThrottleKey, *, event_id: str | None, forget_after: timedelta
) -> None:
    """Count a wrong password for the pair and the login; a second time with the same `event_id` changes nothing."""
    event = secrets.token_bytes(8) if event_id is None else hashlib.sha256(event_id.encode()).digest()[:8]
    await connection.execute(COUNT_FAILURE, who.pair, who.login, event, forget_after)


async def record_first_attempts(
    connection: asyncpg.Connection, asks: Sequence[tuple[bytes, timedelta]], *, forget_after: timedelta
) -> None:
    """Remember which pairs have asked, and how long ago, for logins that are under attack."""
    pairs, ago = zip(*asks, strict=True)
    await connection.execute(RECORD_FIRST_ATTEMPTS, pairs, ago, forget_after)


async def clear_failures(connection: asyncpg.Connection, who: ThrottleKey) -> None:
    """Forget the failures of somebody who knew the password after all."""
    await connection.execute(CLEAR_FAILURES, who.pair, who.login)


async def prune_failures(connection: asyncpg.Connection, *, forget_after: timedelta, keep: int) -> int:
    """Delete the streaks that are over, and the oldest beyond `keep`; tell how many."""
    status = await connection.execute(PRUNE_FAILURES, forget_after, keep)
    return int(status.split()[-1])


def _failure_count(failures: int | None, since: datetime | None) -> FailureCount | None:
    return None if failures is None or since is None else FailureCount(failures, since)


def _digest(key: bytes, text: bytes) -> bytes:
    # A keyed hash (RFC 7693), as good as an HMAC here; OpenSSL's is slow to begin, and a sign-in needs two.
    return hashlib.blake2b(text, key=key[:64], digest_size=DIGEST).digest()

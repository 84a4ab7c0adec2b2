"""Finding the account that a sign-in name means, with its hashes, in one query. Knows names; judges no password.

A name is looked up as a login, else as another identifier, else, without `@`, as the local part of a login; two
accounts in the same class are ambiguous. The lower class hides the higher ones, so nobody can take another's login as
an alias.
"""

import json
import secrets
from collections.abc import Sequence
from datetime import timedelta
from functools import lru_cache
from typing import Any

import asyncpg

from service.immutable import immutable
from service.signin.failures import DIGEST, FailureCount, Failures, ThrottleKey, failure_count, failures_of
from service.store.accounts import Account, KeptHash, NameClass, State, is_short, login_key
from service.store.audit import Entry

FAILURES = """
SELECT pair.failures AS pair_failures, pair.since AS pair_since,
       login.failures AS login_failures, login.since AS login_since, now() AS now
FROM (SELECT $1::bytea AS pair, $2::bytea AS login) AS asked
LEFT JOIN failures AS pair ON pair.subject = asked.pair
LEFT JOIN failures AS login ON login.subject = asked.login
"""

SITE_FAILURES = """
SELECT known.failures, known.since
FROM unnest($1::bytea[]) WITH ORDINALITY AS asked (subject, number) LEFT JOIN failures AS known USING (subject)
ORDER BY asked.number
"""

# A pair remembers its last eight calls, so that Okta's retry of one, which comes soon or never, is no second failure.
# Two calls that count at once lock a pair's row before the others, and those in one order, and so never each other's.
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
INSERT INTO failures AS known (subject, failures, since)
SELECT other, 1, now() FROM counted, unnest($2::bytea[]) AS other ORDER BY other
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

CLEAR_FAILURES = "DELETE FROM failures WHERE subject = ANY($1::bytea[])"

PRUNE_FAILURES = """
DELETE FROM failures
WHERE since < now() - $1::interval
   OR since < (SELECT since FROM failures ORDER BY since DESC OFFSET $2::bigint - 1 LIMIT 1)
"""


async def read_failures(connection: asyncpg.Connection, who: ThrottleKey) -> Failures:
    """Read both streaks; they may be long over."""
    (row,) = await connection.fetch(FAILURES, who.pair, who.login)
    return failures_of(row, who)


async def count_failure(
    connection: asyncpg.Connection, who: ThrottleKey, *, call: bytes | None, forget_after: timedelta
) -> None:
    """Count a wrong password for all that `who` names; a second time with the same `call` changes nothing."""
    await connection.execute(COUNT_FAILURE, who.pair, who.subjects[1:], call or secrets.token_bytes(8), forget_after)


async def read_site_failures(connection: asyncpg.Connection, who: ThrottleKey) -> tuple[FailureCount | None, ...]:
    """Read the failures of the login from each wider network around the address."""
    rows = await connection.fetch(SITE_FAILURES, who.sites)
    return tuple(failure_count(row["failures"], row["since"]) for row in rows)


async def record_first_attempts(
    connection: asyncpg.Connection, asks: Sequence[tuple[bytes, timedelta]], *, forget_after: timedelta
) -> None:
    """Remember which pairs have asked, and how long ago, for logins that are under attack."""
    pairs, ago = zip(*asks, strict=True)
    await connection.execute(RECORD_FIRST_ATTEMPTS, pairs, ago, forget_after)


async def clear_failures(connection: asyncpg.Connection, who: ThrottleKey) -> None:
    """Forget the failures of somebody who knew the password after all."""
    await connection.execute(CLEAR_FAILURES, who.subjects)


async def prune_failures(connection: asyncpg.Connection, *, forget_after: timedelta, keep: int) -> int:
    """Delete the streaks that are over, and the oldest beyond `keep`; tell how many."""
    status = await connection.execute(PRUNE_FAILURES, forget_after, keep)
    return int(status.split()[-1])


# Recording that we answered VERIFIED. Knows nothing of why.

# One write for a sign-in, with its entry in the audit trail.
RECORD_VERIFIED = """
WITH verified AS (UPDATE accounts SET state = 'verified', verified_at = now() WHERE id = $1 AND state = 'waiting')
INSERT INTO audit (action, reason, account_id, code, event_id, request_id)
VALUES ('verified', 'password', $1, $2, $3, $4)
"""

# Whoever knows the password after all is no longer guessing.
RECORD_VERIFIED_AND_CLEAR = RECORD_VERIFIED.replace(
    "WITH ", "WITH cleared AS (DELETE FROM failures WHERE subject = ANY($5::bytea[])), ", 1
)


async def record_verified(
    connection: asyncpg.Connection,
    account_id: int,
    *,
    clear_failures_of: ThrottleKey | None = None,
    entry: Entry | None = None,
) -> None:
    """Mark a waiting account as verified; the first time counts, and a tombstone stays one.

    The audit trail gets what `entry` says of the call.
    """
    values = (account_id, entry.code, entry.event_id, entry.request_id) if entry else (account_id, None, None, None)
    if clear_failures_of is None:
        await connection.execute(RECORD_VERIFIED, *values)
    else:
        await connection.execute(RECORD_VERIFIED_AND_CLEAR, *values, clear_failures_of.subjects)


def _accounts(key: str, short: str) -> str:
    # All three classes come, and `_found` takes the lowest: doing that here takes the server a third more time.
    return f"""
(
    SELECT id, state, login_key, 1 AS class FROM accounts WHERE login_key = {key}
    UNION ALL
    (SELECT id, state, login_key, 2 FROM identifiers JOIN accounts ON id = account_id WHERE identifier_key = {key}
     LIMIT 2)
    UNION ALL
    (SELECT id, state, login_key, 3 FROM accounts WHERE {short} AND local_part = {key} LIMIT 2)
) AS account"""  # noqa: S608 (made of constants)


# Where there is no account, hashes are looked for all the same (no account has the id 0), and where there is no hash,
# the first source and recipe come along, for nothing: so the time of a read does not tell.
HASHES = """
LEFT JOIN hashes AS kept ON kept.account_id = coalesce(account.id, 0)
LEFT JOIN sources AS source ON source.id = coalesce(kept.source_id, 1)
LEFT JOIN recipes AS recipe ON recipe.id = coalesce(kept.recipe_id, 1)"""
COLUMNS = """
    account.class, account.id, account.state, account.login_key,
    source.name AS source, recipe.format, recipe.parameters, kept.hash, kept.salt, kept.username, kept.key_id"""
FAILURE_COUNTS = """
    pair.failures AS pair_failures, pair.since AS pair_since,
    login.failures AS login_failures, login.since AS login_since, now() AS now"""

FIND = f"SELECT {COLUMNS} FROM {_accounts('$1', '$2')} {HASHES}"  # noqa: S608 (made of constants)

# A sign-in reads once: who is meant, and who failed lately.
FIND_AND_FAILURES = f"""
SELECT 1 AS number, {FAILURE_COUNTS}, {COLUMNS}
FROM (SELECT $3::bytea AS pair, $4::bytea AS login) AS asked
LEFT JOIN failures AS pair ON pair.subject = asked.pair
LEFT JOIN failures AS login ON login.subject = asked.login
LEFT JOIN {_accounts("$1", "$2")} ON true {HASHES}
"""  # noqa: S608 (made of constants)

# The same for many. Subqueries hide how many there are from the planner, which would plan anew each time; the limits
# keep it to one look into an index for each. The names come as one text and the digests as one row of bytes: asyncpg
# asks of each element of an array whether it is an array itself, which makes a look-up take half as long again here.
FIND_MANY_AND_FAILURES = f"""
SELECT asked.number, {FAILURE_COUNTS}, {COLUMNS}
FROM (
    SELECT key, number, position('@' IN key) = 0 AS short,
           substr($2::bytea, {2 * DIGEST} * number::int - {2 * DIGEST - 1}, {DIGEST}) AS pair,
           substr($2::bytea, {2 * DIGEST} * number::int - {DIGEST - 1}, {DIGEST}) AS login
    FROM json_array_elements_text((SELECT $1::json)) WITH ORDINALITY AS named (key, number)
) AS asked
LEFT JOIN LATERAL (SELECT failures, since FROM failures WHERE subject = asked.pair LIMIT 1) AS pair ON true
LEFT JOIN LATERAL (SELECT failures, since FROM failures WHERE subject = asked.login LIMIT 1) AS login ON true
LEFT JOIN LATERAL {_accounts("asked.key", "asked.short")} ON true {HASHES}
"""  # noqa: S608 (made of constants)


@immutable
class Ambiguous:
    """Two accounts have the name, in the same class."""

    name_class: NameClass


Found = Account | Ambiguous | None


async def find(connection: asyncpg.Connection, name: str) -> Found:
    """Find the account that is meant by a name that somebody typed."""
    key = login_key(name)
    return _found(await connection.fetch(FIND, key, is_short(key)))


Lookup = tuple[str, ThrottleKey]
"""The key of a name, and who asks for it."""


async def find_and_failures(connection: asyncpg.Connection, asked: Sequence[Lookup]) -> list[tuple[Found, Failures]]:
    """Find, for each key of a name, the account that is meant, and the failed sign-ins of who asks for it."""
    if len(asked) == 1:  # in a shorter statement, which takes less
        ((key, who),) = asked
        rows = await connection.fetch(FIND_AND_FAILURES, key, is_short(key), who.pair, who.login)
    else:
        digests = b"".join([digest for _, who in asked for digest in (who.pair, who.login)])
        rows = await connection.fetch(FIND_MANY_AND_FAILURES, json.dumps([key for key, _ in asked]), digests)
    found: list[list[asyncpg.Record]] = [[] for _ in asked]
    for row in rows:
        found[row["number"] - 1].append(row)
    return [(_found(own), failures_of(own[0], who)) for own, (_, who) in zip(found, asked, strict=True)]


def _found(rows: Sequence[asyncpg.Record]) -> Found:
    """Read the rows of one name; where nobody is meant, there is one without an account, or none."""
    if not rows or rows[0]["id"] is None:
        return None
    first = rows[0]
    if len(rows) > 1:
        name_class = min(row["class"] for row in rows)
        rows = sorted([row for row in rows if row["class"] == name_class], key=_source_of)
        first = rows[0]
        if any(row["id"] != first["id"] for row in rows):
            return Ambiguous(NameClass(name_class))
    hashes = [_kept_hash(row) for row in rows if row["hash"] is not None]
    return Account(first["id"], _STATES[first["state"]], first["login_key"], tuple(hashes))


_STATES = {state.value: state for state in State}
"""Looked up, since calling the enumeration takes several times as long."""


def _source_of(row: asyncpg.Record) -> str:
    return row["source"] or ""


def _kept_hash(row: asyncpg.Record) -> KeptHash:
    return KeptHash(
        source=row["source"],
        format=row["format"],
        parameters=_parameters(row["parameters"]),
        hash=row["hash"],
        salt=row["salt"],
        username=row["username"],
        key_id=row["key_id"],
        login_key=row["login_key"],
    )


@lru_cache(maxsize=1024)
def _parameters(text: str) -> dict[str, Any]:
    """Read a recipe's parameters. A store has few, so all hashes share one object of each, which nobody changes."""
    parameters: dict[str, Any] = json.loads(text)
    return parameters

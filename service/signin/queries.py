"""Queries of a sign-in: the account that a typed name identifies, with its hashes, and the failures of the caller."""

import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import field
from datetime import timedelta
from functools import lru_cache
from typing import Any

import asyncpg

from service.immutable import immutable
from service.signin.failures import DIGEST, FailureCount, Failures, ThrottleKey, failure_count, failures_of
from service.signin.resolve import Ambiguity, Claim, ClaimKind, DeletedClaim, resolve
from service.store.accounts import NAME_DIGEST, Account, KeptHash, State, login_key, name_digest
from service.store.audit import Entry
from service.store.recipes import login_digest_key

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

# A pair stores its last eight calls, so that Okta's retry of one, which comes soon or never, is not counted again.
# Concurrent calls lock a pair's row before the others, and the others in one order, so they cannot deadlock.
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

# In one order, so that two statements with the same pairs cannot deadlock.
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
    """Return both failure counts, which may have expired."""
    (row,) = await connection.fetch(FAILURES, who.pair, who.login)
    return failures_of(row, who)


async def count_failure(
    connection: asyncpg.Connection, who: ThrottleKey, *, call: bytes | None, forget_after: timedelta
) -> None:
    """Count a wrong password for all subjects of `who`; repeating it with the same `call` changes nothing."""
    await connection.execute(COUNT_FAILURE, who.pair, who.subjects[1:], call or secrets.token_bytes(8), forget_after)


async def read_site_failures(connection: asyncpg.Connection, who: ThrottleKey) -> tuple[FailureCount | None, ...]:
    """Return the failures of the login from each wider network around the address."""
    rows = await connection.fetch(SITE_FAILURES, who.sites)
    return tuple(failure_count(row["failures"], row["since"]) for row in rows)


async def record_first_attempts(
    connection: asyncpg.Connection, asks: Sequence[tuple[bytes, timedelta]], *, forget_after: timedelta
) -> None:
    """Record which pairs have made an attempt, and how long ago, for logins that are under attack."""
    pairs, ago = zip(*asks, strict=True)
    await connection.execute(RECORD_FIRST_ATTEMPTS, pairs, ago, forget_after)


async def clear_failures(connection: asyncpg.Connection, who: ThrottleKey) -> None:
    """Delete the failures of a caller who has entered the right password."""
    await connection.execute(CLEAR_FAILURES, who.subjects)


async def prune_failures(connection: asyncpg.Connection, *, forget_after: timedelta, keep: int) -> int:
    """Delete the failure counts that have expired, and the oldest beyond `keep`; return their number."""
    status = await connection.execute(PRUNE_FAILURES, forget_after, keep)
    return int(status.split()[-1])


# Recording of a VERIFIED answer.

# One write for a sign-in, with its entry in the audit trail.
RECORD_VERIFIED = """
WITH verified AS (UPDATE accounts SET state = 'verified', verified_at = now() WHERE id = $1 AND state = 'waiting')
INSERT INTO audit (action, reason, account_id, code, event_id, request_id)
VALUES ('verified', 'password', $1, $2, $3, $4)
"""

# A right password ends the failures.
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
    """Mark a waiting account as verified; only the first time counts, and a tombstone is not changed.

    The audit trail gets the entry `entry`.
    """
    values = (account_id, entry.code, entry.event_id, entry.request_id) if entry else (account_id, None, None, None)
    if clear_failures_of is None:
        await connection.execute(RECORD_VERIFIED, *values)
    else:
        await connection.execute(RECORD_VERIFIED_AND_CLEAR, *values, clear_failures_of.subjects)


# All claims to a name are returned by one read, and `resolve` chooses: a second read would reveal by its time who has
# an account. Each part is one index look-up, whatever the name. Of claims that many accounts may share, the decisive
# ones are returned: bound accounts first, and two are as ambiguous as a thousand.
def _claims(key: str, digest: str) -> str:
    short = f"position('@' IN {key}) = 0"
    columns = "id, state, login_key, okta_id, okta_login_key, okta_updated_at, superseded"
    deleted = "NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'deleted'"
    return f"""
(
    SELECT {columns}, 'loaded_login' AS kind, NULL::boolean AS is_login, NULL::boolean AS bound
    FROM accounts WHERE login_key = {key}
    UNION ALL
    (SELECT {columns}, 'okta_login', NULL, NULL FROM accounts WHERE okta_login_key = {key} AND login_key <> {key}
     ORDER BY superseded LIMIT 3)
    UNION ALL
    (SELECT {columns}, 'identifier', NULL, NULL FROM identifiers JOIN accounts ON id = account_id
     WHERE identifier_key = {key} AND ({short} OR opted_in_source_ids <> '{{}}') LIMIT 2)
    UNION ALL
    (SELECT {columns}, 'short_name', NULL, NULL FROM accounts
     WHERE {short} AND local_part = {key} AND login_key <> {key} AND okta_login_key IS NULL AND NOT superseded
     ORDER BY okta_id LIMIT 2)
    UNION ALL
    (SELECT {columns}, 'short_name', NULL, NULL FROM accounts
     WHERE {short} AND split_part(okta_login_key, '@', 1) = {key} AND okta_login_key <> {key} AND NOT superseded
     LIMIT 2)
    UNION ALL
    SELECT {deleted}, true, bound FROM deleted_logins WHERE digest = {digest}
    UNION ALL
    (SELECT {deleted}, true, bound FROM deleted_logins WHERE okta_login_digest = {digest} LIMIT 1)
    UNION ALL
    (SELECT {deleted}, false, bound FROM deleted_logins WHERE local_part_digest = {digest} ORDER BY bound DESC LIMIT 1)
) AS account"""  # noqa: S608 (made of constants)


# If there is no account, hashes are still looked up (no account has the id 0), and if there is no hash, the first
# source and recipe are returned although unused, so that the time of a read reveals nothing. Hashes are looked up for
# each account (LATERAL, OFFSET 0): a plan that joins may read the whole table where statistics are missing, as after a
# load. (With 200,000 accounts: 31 ms for a sign-in, 0.9 ms with it.)
HASHES = """
LEFT JOIN LATERAL (SELECT * FROM hashes WHERE account_id = coalesce(account.id, 0) OFFSET 0) AS kept ON true
LEFT JOIN sources AS source ON source.id = coalesce(kept.source_id, 1)
LEFT JOIN recipes AS recipe ON recipe.id = coalesce(kept.recipe_id, 1)"""
COLUMNS = """
    account.kind, account.id, account.state, account.login_key, account.okta_id IS NOT NULL AS is_bound,
    account.okta_login_key, account.okta_updated_at, account.superseded, account.is_login, account.bound,
    source.name AS source, recipe.format, recipe.parameters, kept.hash, kept.salt, kept.username, kept.key_id"""

# If the planner sees the key, it omits parts, estimates that plan as much better than the generic one, and plans again
# for each sign-in, which takes three times as long as the look-up. OFFSET 0 hides the key.
FIND = f"""
SELECT 1 AS number, {COLUMNS}
FROM (SELECT $1::text AS key, $2::bytea AS digest OFFSET 0) AS asked
LEFT JOIN LATERAL {_claims("asked.key", "asked.digest")} ON true {HASHES}
"""  # noqa: S608 (made of constants)

# The same for many. Subqueries hide their number from the planner, which would plan again each time; the limits ensure
# one index look-up for each. The names are passed as one text and the digests as one byte string: asyncpg checks for
# each element of an array whether it is an array itself, which makes a look-up take half as long again.
FIND_MANY = f"""
SELECT asked.number, {COLUMNS}
FROM (
    SELECT key, number, substr($2::bytea, {NAME_DIGEST} * number::int - {NAME_DIGEST - 1}, {NAME_DIGEST}) AS digest
    FROM json_array_elements_text((SELECT $1::json)) WITH ORDINALITY AS named (key, number)
) AS asked
LEFT JOIN LATERAL {_claims("asked.key", "asked.digest")} ON true {HASHES}
"""  # noqa: S608 (made of constants)

FAILURES_OF_MANY = f"""
SELECT pair.failures AS pair_failures, pair.since AS pair_since,
       login.failures AS login_failures, login.since AS login_since, now() AS now
FROM (
    SELECT number, substr($1::bytea, {2 * DIGEST} * number::int - {2 * DIGEST - 1}, {DIGEST}) AS pair,
           substr($1::bytea, {2 * DIGEST} * number::int - {DIGEST - 1}, {DIGEST}) AS login
    FROM generate_series(1, (SELECT $2::int)) AS number
) AS asked
LEFT JOIN LATERAL (SELECT failures, since FROM failures WHERE subject = asked.pair LIMIT 1) AS pair ON true
LEFT JOIN LATERAL (SELECT failures, since FROM failures WHERE subject = asked.login LIMIT 1) AS login ON true
ORDER BY asked.number
"""  # noqa: S608 (made of constants)

Found = Account | Ambiguity | None


@immutable
class Lookup:
    """A typed name and its caller."""

    key: str
    digest: bytes = field(repr=False)
    """The digest of the key, in the form stored for deleted accounts."""
    who: ThrottleKey
    """The subjects to count if the name identifies no account."""
    who_of: Callable[[str], ThrottleKey] = field(repr=False)
    """Returns the subjects of an account, by the key of its loaded login, whichever of its names was typed."""


@immutable
class LookedUp:
    """The account that a name identifies, and the failed sign-ins of the caller."""

    found: Found
    who: ThrottleKey
    """The subjects that are counted."""
    failures: Failures


async def find(connection: asyncpg.Connection, name: str) -> Found:
    """Return the account that a typed name identifies."""
    key = login_key(name)
    return _found(await connection.fetch(FIND, key, name_digest(await login_digest_key(connection), key)))


async def find_and_failures(connection: asyncpg.Connection, asked: Sequence[Lookup]) -> list[LookedUp]:
    """Return, for each typed name, its account and the failed sign-ins of its caller for that account.

    Always two statements: failures are counted per account, and an extra statement for some names would reveal who has
    an account.
    """
    found = await _find_all(connection, asked)
    who = [
        each.who if not isinstance(one, Account) or one.login_key == each.key else each.who_of(one.login_key)
        for each, one in zip(asked, found, strict=True)
    ]
    failures = await _failures_of_all(connection, who)
    return [LookedUp(*each) for each in zip(found, who, failures, strict=True)]


async def _find_all(connection: asyncpg.Connection, asked: Sequence[Lookup]) -> list[Found]:
    if len(asked) == 1:  # with a shorter statement, which takes less time
        return [_found(await connection.fetch(FIND, asked[0].key, asked[0].digest))]
    digests = b"".join([each.digest for each in asked])
    found: list[list[asyncpg.Record]] = [[] for _ in asked]
    for row in await connection.fetch(FIND_MANY, json.dumps([each.key for each in asked]), digests):
        found[row["number"] - 1].append(row)
    return [_found(own) for own in found]


async def _failures_of_all(connection: asyncpg.Connection, who: Sequence[ThrottleKey]) -> list[Failures]:
    if len(who) == 1:
        return [await read_failures(connection, who[0])]
    subjects = b"".join([digest for each in who for digest in (each.pair, each.login)])
    rows = await connection.fetch(FAILURES_OF_MANY, subjects, len(who))
    return [failures_of(row, each) for row, each in zip(rows, who, strict=True)]


def _found(rows: Sequence[asyncpg.Record]) -> Found:
    """Parse the rows of one name: for each claim a row per hash, or a row of nulls, or none."""
    if not rows or rows[0]["kind"] is None:
        return None
    if len(rows) == 1 and rows[0]["id"] is not None and not _is_replaced(rows[0]):  # the common case
        return _account(rows)
    account_id = resolve(
        [_claim(row) for row in rows if row["id"] is not None],
        [DeletedClaim(is_login=row["is_login"], bound=row["bound"]) for row in rows if row["id"] is None],
    )
    if not isinstance(account_id, int):
        return account_id
    # An account that claims the name twice is returned twice, with all its hashes.
    own = [row for row in rows if row["id"] == account_id]
    return _account(sorted([row for row in own if row["kind"] == own[0]["kind"]], key=_source_of))


def _claim(row: asyncpg.Record) -> Claim:
    return Claim(
        account_id=row["id"],
        kind=_KINDS[row["kind"]],
        bound=row["is_bound"],
        replaced=_is_replaced(row),
        updated_at=row["okta_updated_at"],
    )


def _is_replaced(row: asyncpg.Record) -> bool:
    """Return whether a claim is by a login that is not the account's current one."""
    if row["kind"] == ClaimKind.LOADED_LOGIN:
        return bool(row["superseded"]) or row["okta_login_key"] not in (None, row["login_key"])
    return row["kind"] == ClaimKind.OKTA_LOGIN and bool(row["superseded"])


def _account(rows: Sequence[asyncpg.Record]) -> Account:
    first = rows[0]
    hashes = [_kept_hash(row) for row in rows if row["hash"] is not None]
    return Account(first["id"], _STATES[first["state"]], first["login_key"], tuple(hashes))


_STATES = {state.value: state for state in State}
_KINDS = {kind.value: kind for kind in ClaimKind}
"""A dictionary, since calling an enumeration takes several times as long."""


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
    """Parse a recipe's parameters. A store has few, so all hashes share one object of each, which is never modified."""
    parameters: dict[str, Any] = json.loads(text)
    return parameters

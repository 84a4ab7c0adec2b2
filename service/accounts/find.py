"""Finding the account that a sign-in name means, with its hashes, in one query. Knows names; judges no password.

A name is looked up as a login, else as another identifier, else, without `@`, as the local part of a login; two
accounts in the same class are ambiguous. The lower class hides the higher ones, so nobody can take another's login as
an alias.
"""

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import asyncpg

from service.accounts.account import Account, KeptHash, NameClass, State
from service.accounts.failures import DIGEST, Failures, ThrottleKey, failures_of
from service.accounts.names import is_short, login_key
from service.immutable import immutable


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

"""Finding the account that a sign-in name means, with its hashes, in one query. Knows names; judges no password.

A name is looked up as a login, else as another identifier, else, without `@`, as the local part of a login; two
accounts in the same class are ambiguous. The lower class hides the higher ones, so nobody can take another's login as
an alias.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from service.accounts.account import Account, KeptHash, NameClass, State
from service.accounts.failures import Failures, Guesser, failures_of
from service.accounts.names import is_short, login_key

ACCOUNTS = """
(
    SELECT id, state, login_key, 1 AS class FROM accounts WHERE login_key = $1
    UNION ALL
    (SELECT id, state, login_key, 2 FROM identifiers JOIN accounts ON id = account_id WHERE identifier_key = $1 LIMIT 2)
    UNION ALL
    (SELECT id, state, login_key, 3 FROM accounts WHERE $2 AND local_part = $1 LIMIT 2)
) AS account"""
HASHES = """
LEFT JOIN hashes AS kept ON kept.account_id = account.id
LEFT JOIN sources AS source ON source.id = kept.source_id
LEFT JOIN recipes AS recipe ON recipe.id = kept.recipe_id"""
COLUMNS = """
    account.class, account.id, account.state, account.login_key,
    source.name AS source, recipe.format, recipe.parameters, kept.hash, kept.salt, kept.username, kept.key_id"""

# All three classes come, and `_found` takes the lowest: doing that here takes the server a third more time.
FIND = f"SELECT {COLUMNS} FROM {ACCOUNTS} {HASHES}"  # noqa: S608 (made of constants)

# A sign-in reads once: who is meant, and who failed lately.
FIND_AND_FAILURES = f"""
SELECT pair.failures AS pair_failures, pair.since AS pair_since,
       login.failures AS login_failures, login.since AS login_since, now() AS now, {COLUMNS}
FROM (SELECT $3::bytea AS pair, $4::bytea AS login) AS asked
LEFT JOIN failures AS pair ON pair.subject = asked.pair
LEFT JOIN failures AS login ON login.subject = asked.login
LEFT JOIN {ACCOUNTS} ON true {HASHES}
"""  # noqa: S608 (made of constants)


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """Two accounts have the name, in the same class."""

    name_class: NameClass


Found = Account | Ambiguous | None


async def find(connection: asyncpg.Connection, name: str) -> Found:
    """Find the account that is meant by a name that somebody typed."""
    key = login_key(name)
    return _found(await connection.fetch(FIND, key, is_short(key)))


async def find_and_failures(connection: asyncpg.Connection, key: str, who: Guesser) -> tuple[Found, Failures]:
    """Find the account that is meant by a key of a name, and the failed sign-ins of `who` asks for it."""
    rows = await connection.fetch(FIND_AND_FAILURES, key, is_short(key), who.pair, who.login)
    return _found([row for row in rows if row["id"] is not None]), failures_of(rows[0], who)


def _found(rows: Sequence[asyncpg.Record]) -> Found:
    if not rows:
        return None
    name_class = min(row["class"] for row in rows)
    meant = [row for row in rows if row["class"] == name_class]
    first = meant[0]
    if any(row["id"] != first["id"] for row in meant):
        return Ambiguous(NameClass(name_class))
    hashes = [_kept_hash(row) for row in meant if row["hash"] is not None]
    hashes.sort(key=lambda kept: kept.source)
    return Account(first["id"], State(first["state"]), first["login_key"], tuple(hashes))


def _kept_hash(row: asyncpg.Record) -> KeptHash:
    return KeptHash(
        source=row["source"],
        format=row["format"],
        parameters=json.loads(row["parameters"]),
        hash=row["hash"],
        salt=row["salt"],
        username=row["username"],
        key_id=row["key_id"],
        login_key=row["login_key"],
    )

"""Adding accounts that the store does not know yet, by COPY into the tables themselves. Judges no row.

Through the staging table it would take half as long again. The caller holds the binding gate, so that who is unknown
stays unknown until the transaction ends.
"""

import asyncio
from collections.abc import Mapping, Sequence

import asyncpg

from service.accounts.account import State
from service.accounts.loading.staged import StagedAccount

KNOWN_LOGINS = "SELECT login_key FROM accounts WHERE login_key = ANY($1::text[])"

KNOWN_OKTA_IDS = "SELECT okta_id FROM accounts WHERE okta_id = ANY($1::text[])"

RESERVE = """
SELECT min(id) AS first, max(id) AS last
FROM (SELECT nextval('accounts_id_seq') AS id FROM generate_series(1, $1)) AS ids
"""

ACCOUNT_COLUMNS = ("id", "login", "login_key", "okta_id", "state", "profile")
HASH_COLUMNS = ("account_id", "source_id", "recipe_id", "hash", "salt", "username", "key_id")
IDENTIFIER_COLUMNS = ("account_id", "identifier_key")
UNARMED, WAITING = State.UNARMED.value, State.WAITING.value


async def known_logins(connection: asyncpg.Connection, keys: Sequence[str]) -> frozenset[str]:
    """Tell which login keys are an account's."""
    return frozenset(row["login_key"] for row in await connection.fetch(KNOWN_LOGINS, keys))


async def known_okta_ids(connection: asyncpg.Connection, okta_ids: Sequence[str]) -> frozenset[str]:
    """Tell which Okta ids are an account's."""
    return frozenset(row["okta_id"] for row in await connection.fetch(KNOWN_OKTA_IDS, okta_ids))


async def add_accounts(
    connection: asyncpg.Connection, accounts: Sequence[StagedAccount], source_id: int, recipe_ids: Mapping[int, int]
) -> list[int]:
    """Add accounts with their hashes and identifiers; give their ids. `recipe_ids` are by the numbers of this load."""
    ids = await _reserve(connection, len(accounts))
    # PostgreSQL has work from the first rows on, while the other ones are made, and all of the hashes.
    rows = (
        (i, each.login, each.login_key, each.okta_id, WAITING if each.hash else UNARMED, each.profile)
        for i, each in zip(ids, accounts, strict=True)
    )
    _, (hashes, names) = await asyncio.gather(
        connection.copy_records_to_table("accounts", columns=ACCOUNT_COLUMNS, records=rows),
        asyncio.to_thread(_hanging_on, ids, accounts, source_id, recipe_ids),
    )
    if hashes:
        await connection.copy_records_to_table("hashes", columns=HASH_COLUMNS, records=hashes)
    if names:
        await connection.copy_records_to_table("identifiers", columns=IDENTIFIER_COLUMNS, records=names)
    return ids


def _hanging_on(
    ids: Sequence[int], accounts: Sequence[StagedAccount], source_id: int, recipe_ids: Mapping[int, int]
) -> tuple[list[tuple[object, ...]], list[tuple[int, str]]]:
    """Make the rows of the hashes and of the identifiers."""
    known = list(zip(ids, accounts, strict=True))
    hashes: list[tuple[object, ...]] = [
        (i, source_id, recipe_ids[a.recipe], a.hash, a.salt, a.username, a.key_id)
        for i, a in known
        if a.recipe is not None
    ]
    return hashes, [(i, name) for i, a in known if a.identifiers for name in a.identifiers]


async def _reserve(connection: asyncpg.Connection, number: int) -> list[int]:
    """Take ids that follow each other, as they do while nobody else adds accounts; else as many more as it needs."""
    row = await connection.fetchrow(RESERVE, number)
    assert row is not None  # noqa: S101 (an aggregate gives one row)
    if row["last"] - row["first"] + 1 == number:
        return list(range(row["first"], row["last"] + 1))
    return await _reserve(connection, number)

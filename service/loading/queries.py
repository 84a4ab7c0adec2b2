"""Queries of loading: new accounts by COPY, changed ones by matching and merging.

COPY writes new accounts directly to the tables: a staging table would take half as long again. The caller holds the
binding lock, so that new accounts remain new until the transaction ends.
"""

import asyncio
import enum
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import asyncpg

from service.immutable import immutable
from service.loading.staging import StagedAccount
from service.store.accounts import State

# The outcomes of staged accounts, and the number of rows with each.


class RowOutcome(enum.StrEnum):
    """The outcome of a staged account."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    TOMBSTONE = "tombstone"
    """Its hash was deleted after the migration and is not loaded again: unchanged."""
    DELETED = "deleted"
    """An operator deleted it: it is not added again."""
    SAME_LOGIN = "same_login"
    """Rejected: an earlier row of the same load has the login."""
    OTHER_SPELLING = "other_spelling"
    """Rejected: another stored account has a login that Okta considers equal."""
    OTHER_OKTA_ID = "other_okta_id"
    """Rejected: the account is known under another Okta id."""
    OKTA_ID_TAKEN = "okta_id_taken"
    """Rejected: another account has the Okta id."""

    @property
    def is_rejected(self) -> bool:
        """Return whether the row goes to the rejects file."""
        return self in REJECTED_OUTCOMES


REJECTED_OUTCOMES = frozenset(
    {RowOutcome.SAME_LOGIN, RowOutcome.OTHER_SPELLING, RowOutcome.OTHER_OKTA_ID, RowOutcome.OKTA_ID_TAKEN}
)

ROW_OUTCOMES = "SELECT outcome, count(*) AS number FROM staged GROUP BY outcome"

REJECTED = """
SELECT staged.line, staged.outcome, account.login AS kept_login
FROM staged LEFT JOIN accounts AS account ON account.id = staged.account_id
WHERE staged.outcome = ANY($1::text[])
ORDER BY staged.line
"""


@immutable
class RejectedStagedRow:
    """A staged row that the store rejects."""

    line: int
    outcome: RowOutcome
    kept_login: str | None
    """The login of the account that it collides with, if any."""


async def row_outcomes(connection: asyncpg.Connection) -> dict[RowOutcome, int]:
    """Count the staged accounts by their outcome."""
    return {RowOutcome(row["outcome"]): row["number"] for row in await connection.fetch(ROW_OUTCOMES)}


async def refused(connection: asyncpg.Connection) -> list[RejectedStagedRow]:
    """List the staged rows that the store rejects."""
    rows = await connection.fetch(REJECTED, sorted(REJECTED_OUTCOMES))
    return [RejectedStagedRow(row["line"], RowOutcome(row["outcome"]), row["kept_login"]) for row in rows]


# The outcome of each staged account, found by comparison with the store. Writes no account.
#
# Rows equal to what is stored are `unchanged`, and nothing is written for them: no row version, no lock.

PROFILE = "(account.profile - coalesce(staged.cleared, '{}')) || staged.profile"
"""The attributes that the export has replace the stored ones; the others remain."""

REASON = "CASE WHEN staged.recipe IS NULL THEN coalesce(staged.disabled_reason, account.disabled_reason) END"
"""A row with a hash means that the account is not disabled; an empty value says nothing."""

OTHER_SOURCE = "EXISTS (SELECT FROM hashes WHERE account_id = account.id AND source_id <> $1)"
"""The identifier may then be the other source's: it was stored before the sources of identifiers were."""

MATCH = f"""
UPDATE staged
SET account_id = found.account_id, outcome = found.outcome, rehash = found.rehash, respelled = found.respelled
FROM (
    SELECT staged.line, account.id AS account_id, compared.rehash, account.login <> staged.login AS respelled,
           CASE WHEN $2::int8multirange @> account.id OR touched.account_id IS NOT NULL THEN 'same_login'
                WHEN account.state IN ('migrated', 'retired') THEN 'tombstone'
                WHEN staged.okta_id <> account.okta_id THEN 'other_okta_id'
                WHEN compared.rehash OR compared.renamed OR (staged.okta_id IS NOT NULL AND account.okta_id IS NULL)
                     OR {PROFILE} <> account.profile OR {REASON} IS DISTINCT FROM account.disabled_reason
                     OR staged.groups <> account.groups
                     THEN 'changed'
                ELSE 'unchanged' END AS outcome
    FROM staged
    JOIN accounts AS account ON account.login_key = staged.login_key
    LEFT JOIN numbered ON numbered.recipe = staged.recipe
    LEFT JOIN touched ON touched.account_id = account.id
    LEFT JOIN hashes AS kept ON kept.account_id = account.id AND kept.source_id = $1
    CROSS JOIN LATERAL (
        SELECT staged.hash IS NOT NULL AND (
                   kept.hash IS DISTINCT FROM staged.hash OR kept.salt IS DISTINCT FROM staged.salt
                   OR kept.username IS DISTINCT FROM staged.username
                   OR kept.recipe_id IS DISTINCT FROM numbered.recipe_id
               ) AS rehash,
               staged.identifiers IS NOT NULL AND (
                   staged.identifiers <> coalesce(names.own, '{{}}') OR names.opted_otherwise
                   OR names.unattributed AND NOT {OTHER_SOURCE}
               ) AS renamed
        FROM (
            SELECT array_agg(identifier_key ORDER BY identifier_key COLLATE "C")
                       FILTER (WHERE source_ids @> ARRAY[$1::int]) AS own,
                   coalesce(bool_or(opted_in_source_ids @> ARRAY[$1::int] <> $3)
                       FILTER (WHERE source_ids @> ARRAY[$1::int]), false) AS opted_otherwise,
                   coalesce(bool_or(source_ids = '{{}}'), false) AS unattributed
            FROM identifiers WHERE account_id = account.id
        ) AS names
    ) AS compared
) AS found
WHERE found.line = staged.line
"""  # noqa: S608 (a constant)

OKTA_IDS_TAKEN = """
UPDATE staged SET outcome = 'okta_id_taken'
FROM accounts AS account
WHERE account.okta_id = staged.okta_id AND account.id IS DISTINCT FROM staged.account_id
  AND staged.outcome IN ('new', 'changed', 'unchanged')
"""

RESPELLED = """
SELECT staged.line, staged.login, account.login AS kept_login,
       EXISTS (SELECT FROM hashes WHERE account_id = account.id AND source_id = $1) AS same_source
FROM staged JOIN accounts AS account ON account.id = staged.account_id
WHERE staged.respelled AND staged.outcome IN ('changed', 'unchanged')
"""

CHANGED = "SELECT count(*) FROM staged WHERE outcome = 'changed'"

REFUSE = "UPDATE staged SET outcome = $2 WHERE line = ANY($1::bigint[])"

TOUCH = """
INSERT INTO touched (account_id)
SELECT account_id FROM staged WHERE outcome IN ('changed', 'unchanged', 'tombstone') ON CONFLICT DO NOTHING
"""


async def match(
    connection: asyncpg.Connection, source_id: int, own: Sequence[asyncpg.Range[int]], *, email_aliases: bool
) -> int:
    """Set the outcome of every staged account and count the changed ones.

    `own`: ids that this load has added; `email_aliases`: whether the source opts in to identifiers with `@`.
    """
    await connection.execute(MATCH, source_id, own, email_aliases)
    respelled = await connection.fetch(RESPELLED, source_id)
    refused = [row["line"] for row in respelled if row["same_source"] or not _is_same(row["login"], row["kept_login"])]
    if refused:
        await connection.execute(REFUSE, refused, RowOutcome.OTHER_SPELLING)
    await connection.execute(OKTA_IDS_TAKEN)
    return int(await connection.fetchval(CHANGED))


def _is_same(login: str, other: str) -> bool:
    """Return whether two logins of different sources differ only in case; a differing accent means another person."""
    return login.casefold() == other.casefold()


async def touch(connection: asyncpg.Connection) -> None:
    """Record which accounts this batch has found."""
    await connection.execute(TOUCH)


# Writing the changes of staged accounts: whole sets, in the caller's transaction.
#
# The caller holds the binding lock exclusively, so nothing else adds accounts or binds Okta ids meanwhile; states can
# change.

# In the order of id, like every transaction that locks accounts.
LOCK_CHANGED = """
SELECT id, state FROM accounts WHERE id IN (SELECT account_id FROM staged WHERE outcome = 'changed')
ORDER BY id FOR UPDATE
"""

# Waits for a running re-encryption of these hashes.
HOLD_KEPT = """
SELECT staged.line, kept.hash, kept.key_id
FROM staged JOIN hashes AS kept ON kept.account_id = staged.account_id AND kept.source_id = $1
WHERE staged.outcome = 'changed' AND staged.rehash
ORDER BY kept.account_id FOR UPDATE OF kept
"""

LEAVE_TOMBSTONES = "UPDATE staged SET outcome = 'tombstone' WHERE account_id = ANY($1::bigint[])"

BOUND = """
SELECT account.id FROM staged JOIN accounts AS account ON account.id = staged.account_id
WHERE staged.outcome = 'changed' AND staged.okta_id IS NOT NULL AND account.okta_id IS NULL
"""

CHANGE = f"""
UPDATE accounts AS account
SET state = CASE WHEN staged.rehash THEN 'waiting' ELSE account.state END,
    verified_at = CASE WHEN staged.rehash THEN NULL ELSE account.verified_at END,
    okta_id = coalesce(account.okta_id, staged.okta_id),
    profile = {PROFILE},
    email_key = CASE WHEN {PROFILE} -> 'email' IS DISTINCT FROM account.profile -> 'email' THEN staged.email_key
                     ELSE account.email_key END,
    disabled_reason = {REASON},
    groups = coalesce(staged.groups, account.groups),
    loaded_at = now()
FROM staged WHERE staged.outcome = 'changed' AND account.id = staged.account_id
"""  # noqa: S608 (a constant)

REHASH = """
INSERT INTO hashes AS kept (account_id, source_id, recipe_id, hash, salt, username, key_id)
SELECT account_id, $1, recipe_id, hash, salt, username, key_id
FROM staged JOIN numbered USING (recipe) WHERE outcome = 'changed' AND rehash
ON CONFLICT (account_id, source_id) DO UPDATE
SET recipe_id = excluded.recipe_id, hash = excluded.hash, salt = excluded.salt, username = excluded.username,
    key_id = excluded.key_id
"""

# What this source no longer provides is removed, unless another source provides it too.
UNNAME = f"""
DELETE FROM identifiers AS known USING staged JOIN accounts AS account ON account.id = staged.account_id
WHERE staged.outcome = 'changed' AND known.account_id = staged.account_id
  AND known.identifier_key <> ALL (staged.identifiers)
  AND (known.source_ids = ARRAY[$1::int] OR known.source_ids = '{{}}' AND NOT {OTHER_SOURCE})
"""  # noqa: S608 (a constant)

WITHDRAW = """
UPDATE identifiers AS known
SET source_ids = array_remove(known.source_ids, $1::int),
    opted_in_source_ids = array_remove(known.opted_in_source_ids, $1::int)
FROM staged
WHERE staged.outcome = 'changed' AND known.account_id = staged.account_id
  AND known.identifier_key <> ALL (staged.identifiers) AND known.source_ids @> ARRAY[$1::int]
"""

RENAME = """
INSERT INTO identifiers AS known (account_id, identifier_key, source_ids, opted_in_source_ids)
SELECT account_id, unnest(identifiers), ARRAY[$1::int], CASE WHEN $2 THEN ARRAY[$1::int] ELSE '{}' END
FROM staged WHERE outcome = 'changed'
ON CONFLICT (account_id, identifier_key) DO UPDATE
SET source_ids = array_remove(known.source_ids, $1::int) || excluded.source_ids,
    opted_in_source_ids = array_remove(known.opted_in_source_ids, $1::int) || excluded.opted_in_source_ids
WHERE NOT known.source_ids @> ARRAY[$1::int] OR known.opted_in_source_ids @> ARRAY[$1::int] <> $2
"""

REHASHED = """
SELECT numbered.recipe_id, count(*) AS number FROM staged JOIN numbered USING (recipe)
WHERE staged.outcome = 'changed' AND staged.rehash GROUP BY numbered.recipe_id
"""

COUNT_LOADED = """
UPDATE recipes SET hashes_loaded = hashes_loaded + loaded.number
FROM unnest($1::int[], $2::bigint[]) AS loaded (id, number)
WHERE recipes.id = loaded.id
"""


class AccountsChanged(Exception):
    """Accounts vanished, or hashes were re-encrypted, between reading and locking; the batch begins again."""


async def hold(connection: asyncpg.Connection, source_id: int, expected: int) -> list[tuple[int, bytes, str | None]]:
    """Lock what changed; return the hashes that others replace, each by its line. Raises `AccountsChanged`."""
    locked = await connection.fetch(LOCK_CHANGED)
    if len(locked) < expected:
        raise AccountsChanged
    marked_migrated = [row["id"] for row in locked if row["state"] in ("migrated", "retired")]
    if marked_migrated:
        await connection.execute(LEAVE_TOMBSTONES, marked_migrated)
    return [tuple(row) for row in await connection.fetch(HOLD_KEPT, source_id)]


async def change(connection: asyncpg.Connection, source_id: int, *, email_aliases: bool) -> list[int]:
    """Write what `hold` locked; return the accounts whose Okta id is new."""
    bound = [row["id"] for row in await connection.fetch(BOUND)]
    await connection.execute(CHANGE)
    await connection.execute(REHASH, source_id)
    await connection.execute(UNNAME, source_id)
    await connection.execute(WITHDRAW, source_id)
    await connection.execute(RENAME, source_id, email_aliases)
    return bound


async def rehashed(connection: asyncpg.Connection) -> Counter[int]:
    """Count the hashes that `change` writes, by recipe."""
    return Counter({row["recipe_id"]: row["number"] for row in await connection.fetch(REHASHED)})


async def count_loaded(connection: asyncpg.Connection, hashes: Mapping[int, int]) -> None:
    """Add to the number of hashes that were ever loaded with each recipe."""
    ids = sorted(hashes)
    await connection.execute(COUNT_LOADED, ids, [hashes[recipe_id] for recipe_id in ids])


KNOWN_LOGINS = "SELECT login_key FROM accounts WHERE login_key = ANY($1::text[])"

KNOWN_OKTA_IDS = "SELECT okta_id FROM accounts WHERE okta_id = ANY($1::text[])"

RESERVE = """
SELECT min(id) AS first, max(id) AS last
FROM (SELECT nextval('accounts_id_seq') AS id FROM generate_series(1, $1)) AS ids
"""

ACCOUNT_COLUMNS = ("id", "login", "login_key", "okta_id", "state", "profile", "email_key", "disabled_reason")
HASH_COLUMNS = ("account_id", "source_id", "recipe_id", "hash", "salt", "username", "key_id")
IDENTIFIER_COLUMNS = ("account_id", "identifier_key", "source_ids", "opted_in_source_ids")
UNARMED, WAITING = State.UNARMED.value, State.WAITING.value


async def known_logins(connection: asyncpg.Connection, keys: Sequence[str]) -> frozenset[str]:
    """Return the login keys that accounts have."""
    return frozenset(row["login_key"] for row in await connection.fetch(KNOWN_LOGINS, keys))


async def known_okta_ids(connection: asyncpg.Connection, okta_ids: Sequence[str]) -> frozenset[str]:
    """Return the Okta ids that accounts have."""
    return frozenset(row["okta_id"] for row in await connection.fetch(KNOWN_OKTA_IDS, okta_ids))


async def add_accounts(
    connection: asyncpg.Connection,
    accounts: Sequence[StagedAccount],
    source_id: int,
    recipe_ids: Mapping[int, int],
    *,
    email_aliases: bool,
) -> list[int]:
    """Add accounts with hashes and identifiers; return their ids. `recipe_ids` are by the numbers of this load."""
    ids = await _reserve(connection, len(accounts))
    # The first statements keep PostgreSQL busy while the remaining rows and all hashes are prepared.
    columns, rows = _account_rows(ids, accounts)
    _, (hashes, names) = await asyncio.gather(
        connection.copy_records_to_table("accounts", columns=columns, records=rows),
        asyncio.to_thread(_hanging_on, ids, accounts, source_id, recipe_ids, email_aliases=email_aliases),
    )
    if hashes:
        await connection.copy_records_to_table("hashes", columns=HASH_COLUMNS, records=hashes)
    if names:
        await connection.copy_records_to_table("identifiers", columns=IDENTIFIER_COLUMNS, records=names)
    return ids


def _account_rows(
    ids: Sequence[int], accounts: Sequence[StagedAccount]
) -> tuple[tuple[str, ...], Iterator[tuple[object, ...]]]:
    rows = (
        (
            i,
            each.login,
            each.login_key,
            each.okta_id,
            WAITING if each.hash else UNARMED,
            each.profile,
            each.email_key,
            each.disabled_reason,
        )
        for i, each in zip(ids, accounts, strict=True)
    )
    if not any(each.groups for each in accounts):
        # asyncpg takes longer to encode an array than a text, even an empty one, and most exports name no groups.
        return ACCOUNT_COLUMNS, rows
    return (*ACCOUNT_COLUMNS, "groups"), ((*row, each.groups or []) for row, each in zip(rows, accounts, strict=True))


def _hanging_on(
    ids: Sequence[int],
    accounts: Sequence[StagedAccount],
    source_id: int,
    recipe_ids: Mapping[int, int],
    *,
    email_aliases: bool,
) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    """Create the rows of the hashes and of the identifiers."""
    known = list(zip(ids, accounts, strict=True))
    hashes: list[tuple[object, ...]] = [
        (i, source_id, recipe_ids[a.recipe], a.hash, a.salt, a.username, a.key_id)
        for i, a in known
        if a.recipe is not None
    ]
    sources = [source_id]
    opted_in = sources if email_aliases else []
    return hashes, [(i, name, sources, opted_in) for i, a in known if a.identifiers for name in a.identifiers]


async def _reserve(connection: asyncpg.Connection, number: int) -> list[int]:
    """Reserve consecutive ids; if other transactions took some in between, as many more as are needed."""
    row = await connection.fetchrow(RESERVE, number)
    assert row is not None  # noqa: S101 (an aggregate gives one row)
    if row["last"] - row["first"] + 1 == number:
        return list(range(row["first"], row["last"] + 1))
    return await _reserve(connection, number)


OTHER_RECIPES = """
SELECT account.login_key, array_agg(kept.recipe_id) AS recipe_ids
FROM accounts AS account JOIN hashes AS kept ON kept.account_id = account.id AND kept.source_id <> $2
WHERE account.login_key = ANY($1::text[]) GROUP BY account.login_key
"""


async def other_recipes(
    connection: asyncpg.Connection, login_keys: Sequence[str], source_id: int
) -> dict[str, Sequence[int]]:
    """Return the recipes of the hashes that accounts have from other sources, by login key."""
    rows = await connection.fetch(OTHER_RECIPES, login_keys, source_id)
    return {row["login_key"]: row["recipe_ids"] for row in rows}


DECLARE = "UPDATE sources SET attributes = $2 WHERE id = $1 AND attributes <> $2"


async def declare(connection: asyncpg.Connection, source_id: int, names: Sequence[str]) -> None:
    """Store the attributes that a source declares, replacing its previous declaration."""
    await connection.execute(DECLARE, source_id, sorted(names))


# Without statistics, as until autovacuum comes by, PostgreSQL reads whole tables to find single accounts. A role that
# does not own the tables gets a warning instead.
ANALYZE = "ANALYZE (SKIP_LOCKED) accounts, hashes, identifiers"

ANALYZE_WITHIN = 300.0
"""Seconds."""


async def analyze(connection: asyncpg.Connection) -> None:
    """Renew the statistics of the loaded tables: about a second, however many rows there are."""
    await connection.execute(ANALYZE, timeout=ANALYZE_WITHIN)

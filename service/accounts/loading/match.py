"""What a load would do to each staged account: its outcome, found by comparing with the store. Writes no account.

Rows that say what the store holds already are `unchanged`, and nothing of them is written: no row version, no lock.
"""

from collections.abc import Sequence

import asyncpg

from service.accounts.loading.fates import RowOutcome

PROFILE = "(account.profile - coalesce(staged.cleared, '{}')) || staged.profile"
"""What the export says of an attribute counts; of what it does not speak stays as it was."""

OTHER_SOURCE = "EXISTS (SELECT FROM hashes WHERE account_id = account.id AND source_id <> $1)"
"""Then the other source knows the account by names, too, which this one does not speak of."""

MATCH = f"""
UPDATE staged
SET account_id = found.account_id, outcome = found.outcome, rehash = found.rehash, respelled = found.respelled
FROM (
    SELECT staged.line, account.id AS account_id, compared.rehash, account.login <> staged.login AS respelled,
           CASE WHEN $2::int8multirange @> account.id OR touched.account_id IS NOT NULL THEN 'same_login'
                WHEN account.state IN ('migrated', 'retired') THEN 'tombstone'
                WHEN staged.okta_id <> account.okta_id THEN 'other_okta_id'
                WHEN compared.rehash OR compared.renamed OR (staged.okta_id IS NOT NULL AND account.okta_id IS NULL)
                     OR {PROFILE} <> account.profile THEN 'changed'
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
               staged.identifiers IS NOT NULL AND CASE
                   WHEN {OTHER_SOURCE} THEN NOT staged.identifiers <@ names.known ELSE staged.identifiers <> names.known
               END AS renamed
        FROM (
            SELECT ARRAY(
                SELECT identifier_key FROM identifiers WHERE account_id = account.id
                ORDER BY identifier_key COLLATE "C"
            ) AS known
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


async def match(connection: asyncpg.Connection, source_id: int, own: Sequence[asyncpg.Range[int]]) -> int:
    """Find the outcome of every staged account and count the changed ones; `own`: ids that this load has added."""
    await connection.execute(MATCH, source_id, own)
    respelled = await connection.fetch(RESPELLED, source_id)
    refused = [row["line"] for row in respelled if row["same_source"] or not _is_same(row["login"], row["kept_login"])]
    if refused:
        await connection.execute(REFUSE, refused, RowOutcome.OTHER_SPELLING)
    await connection.execute(OKTA_IDS_TAKEN)
    return int(await connection.fetchval(CHANGED))


def _is_same(login: str, other: str) -> bool:
    """Tell whether two logins of different sources differ in case alone; an accent more is another person."""
    return login.casefold() == other.casefold()


async def touch(connection: asyncpg.Connection) -> None:
    """Note which accounts this batch has met."""
    await connection.execute(TOUCH)

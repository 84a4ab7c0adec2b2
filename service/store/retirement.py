"""Deletion of hashes that are no longer needed, each with its recorded proof."""

import enum
from collections import Counter
from collections.abc import Sequence
from datetime import datetime

import asyncpg

from service.immutable import immutable
from service.store.accounts import State
from service.store.database import Database

# Armed accounts for the comparison with Okta's users, and deletion of hashes without a SUCCESS.

ARMED = """
SELECT id, login_key, okta_id, state FROM accounts
WHERE armed AND (okta_id = ANY($1::text[]) OR okta_id IS NULL AND login_key = ANY($2::text[]))
"""

ARMED_AFTER = """
SELECT id, login_key, okta_id, state FROM accounts
WHERE armed AND okta_id IS NOT NULL AND id > $1 ORDER BY id LIMIT $2
"""

ARMED_FROM = "SELECT id, login_key, okta_id, state FROM accounts WHERE armed AND id > $1 ORDER BY id LIMIT $2"

COUNT_BOUND = "SELECT count(*) FROM accounts WHERE armed AND okta_id IS NOT NULL"

# In the order of id, like all statements that lock accounts. An account whose Okta id has changed since is skipped.
LOCK = """
SELECT account.id FROM accounts AS account
JOIN unnest($1::bigint[], $2::text[]) AS judged (id, okta_id) USING (id)
WHERE account.armed AND account.okta_id IS NOT DISTINCT FROM judged.okta_id
ORDER BY account.id FOR UPDATE OF account
"""

DELETE_HASHES = "DELETE FROM hashes WHERE account_id = ANY($1::bigint[])"

RETIRE = """
WITH retired AS (
    UPDATE accounts AS account SET state = 'retired', forgotten_at = now(), proof = judged.proof
    FROM unnest($1::bigint[], $2::text[]) AS judged (id, proof)
    WHERE account.id = judged.id AND account.id = ANY($3::bigint[])
    RETURNING account.id, account.proof
)
INSERT INTO audit (action, reason, account_id) SELECT 'retired', left(proof, 300), id FROM retired
"""


@immutable
class ArmedAccount:
    """An account that has a hash."""

    id: int
    login_key: str
    okta_id: str | None
    state: State


@immutable
class Retired:
    """An account whose hash is to be deleted, the Okta id of the decision, and the proof."""

    id: int
    okta_id: str | None
    proof: str


async def armed_accounts(
    connection: asyncpg.Connection, okta_ids: Sequence[str], login_keys: Sequence[str]
) -> list[ArmedAccount]:
    """Return the armed accounts with one of these Okta ids, or with none and exactly one of these logins."""
    return _accounts(await connection.fetch(ARMED, okta_ids, login_keys))


async def armed_after(connection: asyncpg.Connection, account_id: int, number: int) -> list[ArmedAccount]:
    """Return the next armed accounts that have an Okta id, in the order of id."""
    return _accounts(await connection.fetch(ARMED_AFTER, account_id, number))


async def armed_from(connection: asyncpg.Connection, account_id: int, number: int) -> list[ArmedAccount]:
    """Return the next armed accounts, in Okta or not, in the order of id."""
    return _accounts(await connection.fetch(ARMED_FROM, account_id, number))


async def count_bound(connection: asyncpg.Connection) -> int:
    """Count the armed accounts that have an Okta id."""
    number: int = await connection.fetchval(COUNT_BOUND)
    return number


async def retire(connection: asyncpg.Connection, accounts: Sequence[Retired]) -> list[int]:
    """Delete hashes in the caller's transaction; return the ids of accounts that still had one and the same Okta id."""
    ids, okta_ids = [each.id for each in accounts], [each.okta_id for each in accounts]
    held = [row["id"] for row in await connection.fetch(LOCK, ids, okta_ids)]
    await connection.execute(DELETE_HASHES, held)
    await connection.execute(RETIRE, ids, [each.proof for each in accounts], held)
    return held


def _accounts(rows: list[asyncpg.Record]) -> list[ArmedAccount]:
    return [ArmedAccount(row["id"], row["login_key"], row["okta_id"], State(row["state"])) for row in rows]


class Proof(enum.StrEnum):
    """Why a hash was deleted without a SUCCESS; the account's recorded proof begins with it."""

    PASSWORD_IN_OKTA = "password_in_okta"  # noqa: S105 (a reason, not a password)
    """Okta has a password of its own: it was reset or changed there."""
    DEACTIVATED = "deactivated_in_okta"
    """The user has been deactivated for thirty days."""
    DELETED = "deleted_in_okta"
    """The user that was created for the account does not exist any more."""
    END = "end_of_programme"
    """The operator ended the programme."""


@immutable
class Retirement:
    """The proof on which a hash is deleted."""

    proof: Proof
    detail: str

    def __str__(self) -> str:
        """Return the text that is recorded."""
        return f"{self.proof.value}: {self.detail}"


def end_of_programme(now: datetime) -> Retirement:
    """Return the proof for the accounts that remain at the end."""
    return Retirement(Proof.END, f"ended at {now.isoformat(timespec='seconds')}")


Judged = tuple[int, str | None, Retirement]
"""An account, the Okta id that the decision was based on, and why its hash is no longer needed."""

SLICE = 500
"""Accounts per transaction, so that their rows are not locked for long."""


async def retire_accounts(database: Database, judged: Sequence[Judged]) -> Counter[Proof]:
    """Retire accounts by a decision based on their Okta ids; those that changed since are skipped."""
    retired: Counter[Proof] = Counter()
    for start in range(0, len(judged), SLICE):
        part = judged[start : start + SLICE]
        proofs = {account_id: retirement.proof for account_id, _, retirement in part}
        async with database.transaction() as connection:
            held = await retire(connection, [Retired(own, okta_id, str(why)) for own, okta_id, why in part])
        retired += Counter(proofs[account_id] for account_id in held)
    return retired

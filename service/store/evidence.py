"""Evidence for a report: each deleted hash with its proof, hooks that were created, and counts. Read-only.

Must run in one repeatable-read transaction (`snapshot`), so that the counts and the rows are consistent.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

import asyncpg

from service.immutable import immutable
from service.store.database import Database

PREFETCH = 2000
"""Rows per round trip: several hundred kilobytes, regardless of the number of accounts."""
WITHIN = 900.0
"""Seconds for one statement, which may read fifty million accounts once."""

FORGOTTEN = """
SELECT account.id, account.state, account.forgotten_at, account.proof, event.published, event.transaction_id
FROM accounts AS account
LEFT JOIN import_events AS event ON account.state = 'migrated' AND event.uuid = account.proof
WHERE account.forgotten_at IS NOT NULL ORDER BY account.id
"""

# The only record of an account that does not exist any more.
DELETED = "SELECT account_id, at, reason FROM audit WHERE action = 'deleted' ORDER BY id"

COUNTS = """
SELECT (SELECT count(*) FROM accounts) AS accounts,
       (SELECT count(*) FROM audit WHERE action = 'deleted') AS deleted,
       (SELECT count(*) FROM hashes) AS hashes,
       (SELECT count(DISTINCT account_id) FROM hashes) AS accounts_with_hash,
       (SELECT count(*) FROM accounts WHERE armed AND okta_id IS NOT NULL) AS users_with_hook,
       (SELECT count(*) FROM accounts AS account WHERE state = 'migrated'
            AND EXISTS (SELECT FROM import_events AS event WHERE uuid = account.proof)) AS migrated_by_known_event,
       now() AS taken_at
"""

MADE_HOOKS = "SELECT org, kind, hook_id, made_at FROM own_hooks ORDER BY org, kind, made_at, hook_id"


@immutable
class Forgotten:
    """A deleted hash, and the reason."""

    account_id: int
    state: str
    """`migrated`, `retired`, or `deleted` if the account was deleted too."""
    forgotten_at: datetime
    proof: str
    """The uuid of the event for a migrated account, otherwise the recorded reason."""
    published: datetime | None = None
    """When Okta published the event; None if the event is not recorded any more."""
    transaction_id: str | None = None

    @property
    def reason(self) -> str:
        """Return the kind of the proof."""
        return "SUCCESS" if self.state == "migrated" else self.proof.partition(":")[0]


@immutable
class Counts:
    """Counts at one moment."""

    accounts: int
    deleted: int
    """Deletions of accounts in the audit trail."""
    hashes: int
    accounts_with_hash: int
    users_with_hook: int
    """Accounts with both a hash and an Okta id: Okta still calls the hook for them."""
    migrated_by_known_event: int
    """Migrated accounts whose event is still recorded; the events of others are older than AUDIT_RETENTION_DAYS."""
    taken_at: datetime


@immutable
class MadeHook:
    """A hook that this installation created and did not delete."""

    org: str
    kind: str
    hook_id: str
    made_at: datetime


@asynccontextmanager
async def snapshot(database: Database) -> AsyncIterator[asyncpg.Connection]:
    """Yield a read-only connection that sees the store as of its first statement."""
    async with (
        database.connection() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        yield connection


async def forgotten(connection: asyncpg.Connection) -> AsyncIterator[Forgotten]:
    """Yield every deleted hash by account id, then those of deleted accounts; a few thousand rows at a time."""
    async for row in connection.cursor(FORGOTTEN, prefetch=PREFETCH, timeout=WITHIN):
        yield Forgotten(*row)
    async for account_id, at, reason in connection.cursor(DELETED, prefetch=PREFETCH, timeout=WITHIN):
        yield Forgotten(account_id, "deleted", at, reason)


async def count(connection: asyncpg.Connection) -> Counts:
    """Return the counts."""
    row = await connection.fetchrow(COUNTS, timeout=WITHIN)
    assert row is not None  # noqa: S101 (a query without FROM returns one row)
    return Counts(**row)


async def made_hooks(connection: asyncpg.Connection) -> list[MadeHook]:
    """Return the hooks that were created and not deleted."""
    return [MadeHook(*row) for row in await connection.fetch(MADE_HOOKS)]

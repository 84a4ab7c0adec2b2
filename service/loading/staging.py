"""The staging table of a load.

It is a temporary table: private to the session, not logged, and emptied at the end of each transaction.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import asyncpg

from service.import_events.queries import BindingLock, acquire_binding_lock
from service.store.database import connect
from service.store.encryption import DecryptionFailed, HashKeys, bound_to, recipe_context
from service.store.name_report import NameReport, counted, problems, report_names

# What a dry run would add, batch by batch, so that later batches collide with it. Writes no account.

REJECT_IN_DRY_RUN = """
UPDATE staged
SET outcome = CASE WHEN dry_run_rows.login_key = staged.login_key THEN 'same_login' ELSE 'okta_id_taken' END
FROM dry_run_rows
WHERE staged.outcome = 'new' AND dry_run_rows.login_key = staged.login_key
   OR staged.outcome IN ('new', 'changed') AND dry_run_rows.okta_id = staged.okta_id
"""

ADD_TO_DRY_RUN = """
INSERT INTO dry_run_rows (login_key, okta_id) SELECT login_key, okta_id FROM staged
WHERE outcome = 'new' OR outcome = 'changed' AND okta_id IS NOT NULL
"""


# What a dry run would change of the names that open accounts. New accounts have numbers below 0.
ADD_NAMED = """
INSERT INTO dry_run_accounts (id, login_key, bound, armed)
SELECT coalesce(account_id, -line), login_key, okta_id IS NOT NULL,
       CASE outcome WHEN 'new' THEN hash IS NOT NULL ELSE rehash END
FROM staged WHERE outcome IN ('new', 'changed') ON CONFLICT DO NOTHING
"""

ADD_IDENTIFIERS = """
INSERT INTO dry_run_identifiers (account_id, identifier_key, source_id, opted_in)
SELECT coalesce(account_id, -line), unnest(identifiers), $1, $2 FROM staged WHERE outcome IN ('new', 'changed')
ON CONFLICT DO NOTHING
"""


async def dry_run(connection: asyncpg.Connection, source_id: int, *, email_aliases: bool) -> None:
    """Reject what an earlier batch of a dry run would have added, and record what this one would add."""
    await connection.execute(REJECT_IN_DRY_RUN)
    await connection.execute(ADD_TO_DRY_RUN)
    await connection.execute(ADD_NAMED)
    await connection.execute(ADD_IDENTIFIERS, source_id, email_aliases)


NAMED_ACCOUNTS = """
SELECT id, account.login_key, okta_login_key, okta_id IS NOT NULL OR coalesce(dry.bound, false) AS bound, superseded,
       account.armed OR coalesce(dry.armed, false) AS armed
FROM accounts AS account LEFT JOIN dry_run_accounts AS dry USING (id)
UNION ALL SELECT id, login_key, NULL, bound, false, armed FROM dry_run_accounts WHERE id < 0"""

# What the source no longer provides is left out, as a load removes it.
NAMED_IDENTIFIERS = """
SELECT account_id, identifier_key, bool_or(opted_in) AS opted_in
FROM (
    SELECT account_id, identifier_key, array_remove(opted_in_source_ids, given.source_id) <> '{}' AS opted_in
    FROM identifiers
    LEFT JOIN (SELECT DISTINCT account_id, source_id FROM dry_run_identifiers) AS given USING (account_id)
    WHERE given.source_id IS NULL OR array_remove(source_ids, given.source_id) <> '{}'
    UNION ALL SELECT account_id, identifier_key, opted_in FROM dry_run_identifiers
) AS named GROUP BY account_id, identifier_key"""

NAMES = counted(problems(NAMED_ACCOUNTS, NAMED_IDENTIFIERS))
NAMES_WITH_DELETED = counted(problems(NAMED_ACCOUNTS, NAMED_IDENTIFIERS, with_deleted=True))


async def report_dry_run_names(connection: asyncpg.Connection) -> NameReport:
    """Count the names that would open no account after loading the rows of the dry run."""
    return await report_names(connection, queries=(NAMES, NAMES_WITH_DELETED))


# Stored hashes that are encrypted under another key than the rows of a load.

UNDER_OTHER_KEYS = """
SELECT staged.line, kept.hash, kept.key_id
FROM staged JOIN accounts AS account ON account.login_key = staged.login_key
JOIN hashes AS kept ON kept.account_id = account.id AND kept.source_id = $1
WHERE staged.hash IS NOT NULL AND kept.key_id IS DISTINCT FROM staged.key_id
"""

TAKE_KEPT = """
UPDATE staged SET hash = kept.hash, key_id = kept.key_id
FROM accounts AS account JOIN hashes AS kept ON kept.account_id = account.id
WHERE account.login_key = staged.login_key AND kept.source_id = $1 AND staged.line = ANY($2::bigint[])
"""


async def under_other_keys(connection: asyncpg.Connection, source_id: int) -> list[tuple[int, bytes, str | None]]:
    """Return the stored hashes, with their keys, that are under another key than the staged ones; each by its line."""
    return [tuple(row) for row in await connection.fetch(UNDER_OTHER_KEYS, source_id)]


async def take_kept(connection: asyncpg.Connection, source_id: int, lines: Sequence[int]) -> None:
    """Stage the stored hashes for lines with an equal hash."""
    await connection.execute(TAKE_KEPT, source_id, lines)


MAKE_STAGED = """
CREATE TEMPORARY TABLE IF NOT EXISTS staged (
    line bigint NOT NULL,
    login text NOT NULL,
    login_key text NOT NULL,
    okta_id text,
    recipe integer,
    hash bytea,
    salt text,
    username text,
    key_id text,
    profile jsonb NOT NULL,
    cleared text[],
    identifiers text[],
    email_key text,
    disabled_reason text,
    groups text[],
    account_id bigint,
    outcome text NOT NULL DEFAULT 'new',
    rehash boolean,
    respelled boolean
) ON COMMIT DELETE ROWS
"""

MAKE_NUMBERED = "CREATE TEMPORARY TABLE IF NOT EXISTS numbered (recipe integer PRIMARY KEY, recipe_id integer)"

NUMBER = "INSERT INTO numbered (recipe, recipe_id) VALUES ($1, $2) ON CONFLICT (recipe) DO NOTHING"

MAKE_TOUCHED = "CREATE TEMPORARY TABLE IF NOT EXISTS touched (account_id bigint PRIMARY KEY)"
"""The accounts that were stored before this load and that it has found."""

CREATE_DRY_RUN_ROWS = """
CREATE TEMPORARY TABLE IF NOT EXISTS dry_run_rows (login_key text PRIMARY KEY, okta_id text UNIQUE)
"""
"""The accounts that a dry run would have added, or whose Okta id it would have written."""

CREATE_DRY_RUN_ACCOUNTS = """
CREATE TEMPORARY TABLE IF NOT EXISTS dry_run_accounts
    (id bigint PRIMARY KEY, login_key text NOT NULL, bound boolean NOT NULL, armed boolean NOT NULL)
"""

CREATE_DRY_RUN_IDENTIFIERS = """
CREATE TEMPORARY TABLE IF NOT EXISTS dry_run_identifiers (
    account_id bigint, identifier_key text, source_id integer NOT NULL, opted_in boolean NOT NULL,
    PRIMARY KEY (account_id, identifier_key)
)
"""

SETTINGS = (
    # A server crash may then roll back the last batches, each as a whole. `make_durable` waits for the disk before a
    # load is reported as done.
    "SET synchronous_commit = off",
    # Compiling the plans takes longer than statements of a few milliseconds would gain.
    "SET jit = off",
    # A batch looks up some thousand of many rows. While a table grows the planner underestimates its size, and would
    # read all of it for each batch.
    "SET enable_seqscan = off",
    "SET random_page_cost = 1.1",
)

COLUMNS = (
    "line",
    "login",
    "login_key",
    "okta_id",
    "recipe",
    "hash",
    "salt",
    "username",
    "key_id",
    "profile",
    "cleared",
    "identifiers",
    "email_key",
    "disabled_reason",
    "groups",
)


class StagedAccount(NamedTuple):
    """An account as read from a row of an export; a tuple, because a million of them are created."""

    line: int
    login: str
    login_key: str
    okta_id: str | None
    recipe: int | None
    """The number of its recipe in this load; None if the row has no hash."""
    hash: bytes | None
    salt: str | None
    username: str | None
    key_id: str | None
    profile: str
    """JSON."""
    cleared: list[str] | None
    """Attributes that the row clears; attributes that it does not name remain."""
    identifiers: list[str] | None
    """The keys of its identifiers; None if the export has none."""
    email_key: str | None = None
    """The key of the email address, if it differs from the login."""
    disabled_reason: str | None = None
    """Why the row has no hash although the export has a value in its place."""
    groups: list[str] | None = None
    """The names of Okta groups; None if the export has none."""

    def __repr__(self) -> str:
        """Return a representation without the contents of the row."""
        return f"StagedAccount(line={self.line})"


async def prepare_session(connection: asyncpg.Connection) -> None:
    """Create the temporary tables of a load, and set how its statements are planned and committed."""
    tables = (MAKE_STAGED, MAKE_NUMBERED, MAKE_TOUCHED, CREATE_DRY_RUN_ROWS)
    for statement in (*SETTINGS, *tables, CREATE_DRY_RUN_ACCOUNTS, CREATE_DRY_RUN_IDENTIFIERS):
        await connection.execute(statement)


async def stage(connection: asyncpg.Connection, accounts: Sequence[StagedAccount]) -> None:
    """Copy accounts into the staging table of the caller's transaction."""
    await connection.copy_records_to_table("staged", records=accounts, columns=COLUMNS, schema_name="pg_temp")


async def number_recipe(connection: asyncpg.Connection, number: int, recipe_id: int | None) -> None:
    """Map a recipe number of the staging table to a stored recipe; None for one that is not stored."""
    await connection.execute(NUMBER, number, recipe_id)


# The only place where the bytes of a hash are prepared for the store.


class HashEncrypter:
    """Encrypts the hashes of one load of one source."""

    def __init__(self, keys: HashKeys, source: str) -> None:
        self._keys = keys
        self.source = source
        self._contexts: dict[int, bytes] = {}

    @property
    def key_id(self) -> str | None:
        """Return the id of the encrypting key; None if hashes are stored unencrypted."""
        return self._keys.active

    @property
    def is_on(self) -> bool:
        """Return whether hashes are encrypted."""
        return self.key_id is not None

    def learn(self, recipe: int, format_name: str, parameters: Mapping[str, Any]) -> None:
        """Register a recipe under its number in this load."""
        self._contexts[recipe] = recipe_context(self.source, format_name, parameters)

    def encrypt(self, accounts: Sequence[StagedAccount]) -> Sequence[StagedAccount]:
        """Return the accounts with their hashes in the form to be stored.

        Under one key equal hashes give equal bytes: a load compares them to find changes.
        """
        return [self._encrypted(account) for account in accounts] if self.is_on else accounts

    def is_same(self, account: StagedAccount, kept: bytes, key_id: str | None) -> bool:
        """Return whether a stored hash, under any key, equals that of a row; False for one that cannot be decrypted."""
        if account.recipe is None or account.hash is None:
            return False
        if key_id == account.key_id:
            return kept == account.hash
        context = bound_to(account.login_key, self._contexts[account.recipe])
        try:
            given = self._keys.decrypt(account.hash, account.key_id, context)
            return self._keys.decrypt(kept, key_id, context) == given
        except DecryptionFailed:
            return False

    def _encrypted(self, account: StagedAccount) -> StagedAccount:
        if account.recipe is None or account.hash is None:
            return account
        kept, key_id = self._keys.encrypt(account.hash, bound_to(account.login_key, self._contexts[account.recipe]))
        return account._replace(hash=kept, key_id=key_id)


# The connection of a load: one session throughout, because the temporary tables belong to it.

CONNECT_WITHIN = 10.0
"""Seconds."""

WAIT_FOR_DISK = "SET LOCAL synchronous_commit TO DEFAULT"


@asynccontextmanager
async def loading_session(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """Connect and create the temporary tables, which end with the session."""
    connection = await connect(dsn, timeout=CONNECT_WITHIN)
    try:
        await prepare_session(connection)
        yield connection
    finally:
        connection.terminate() if connection.is_in_transaction() else await connection.close(timeout=CONNECT_WITHIN)


async def make_durable(connection: asyncpg.Connection) -> None:
    """Wait until all commits of this session are as durable as the server is configured: on disk or replicated."""
    async with connection.transaction():
        await connection.execute(WAIT_FOR_DISK)
        # Only a transaction that writes waits, and with it for all earlier ones; locking a row is a write.
        await acquire_binding_lock(connection, BindingLock.EXCLUSIVE)


# The legacy stores by name.

FIND_SOURCE = "SELECT id FROM sources WHERE name = $1"

SOURCE_NAMES = "SELECT name FROM sources ORDER BY name"

ADD_SOURCE = "INSERT INTO sources (name) VALUES ($1) ON CONFLICT (name) DO NOTHING"


async def find_source(connection: asyncpg.Connection, name: str) -> int | None:
    """Return the id of a source; None if nothing has been loaded from it."""
    source_id: int | None = await connection.fetchval(FIND_SOURCE, name)
    return source_id


async def source_names(connection: asyncpg.Connection) -> list[str]:
    """List the sources from which anything was ever loaded."""
    return [row["name"] for row in await connection.fetch(SOURCE_NAMES)]


async def ensure_source(connection: asyncpg.Connection, name: str) -> int:
    """Return the id of a source; create its row if there is none."""
    found = await find_source(connection, name)
    if found is None:
        await connection.execute(ADD_SOURCE, name)
        found = await find_source(connection, name)
    assert found is not None  # noqa: S101 (sources are never deleted)
    return found

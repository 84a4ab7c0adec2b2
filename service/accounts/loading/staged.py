"""The staging table and what goes into it. Knows no file and no hash format.

It is a temporary table: of the session, written to no log, and empty again at the end of each transaction.
"""

from collections.abc import Sequence
from typing import NamedTuple

import asyncpg

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
    account_id bigint,
    outcome text NOT NULL DEFAULT 'new',
    rehash boolean,
    respelled boolean
) ON COMMIT DELETE ROWS
"""

MAKE_NUMBERED = "CREATE TEMPORARY TABLE IF NOT EXISTS numbered (recipe integer PRIMARY KEY, recipe_id integer)"

NUMBER = "INSERT INTO numbered (recipe, recipe_id) VALUES ($1, $2) ON CONFLICT (recipe) DO NOTHING"

MAKE_TOUCHED = "CREATE TEMPORARY TABLE IF NOT EXISTS touched (account_id bigint PRIMARY KEY)"
"""The accounts that were in the store before this load and that it has met."""

CREATE_DRY_RUN_ROWS = """
CREATE TEMPORARY TABLE IF NOT EXISTS dry_run_rows (login_key text PRIMARY KEY, okta_id text UNIQUE)
"""
"""The accounts that a dry run would have added, or whose Okta id it would have written."""

SETTINGS = (
    # A crash of the server may then undo the last batches, each wholly; whoever says that a load is done waits for the
    # disk before, with `make_durable`.
    "SET synchronous_commit = off",
    # Compiling the plans of statements that run for some milliseconds would take longer than they do.
    "SET jit = off",
    # A batch looks up some thousand of many rows. While a table grows the planner takes it for smaller than it is, and
    # would read all of it for each batch.
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
)


class StagedAccount(NamedTuple):
    """An account as a row of an export has it, ready for the store; a tuple, because a million of them are made."""

    line: int
    login: str
    login_key: str
    okta_id: str | None
    recipe: int | None
    """The number that its recipe has within this load; None where the row has no hash."""
    hash: bytes | None
    salt: str | None
    username: str | None
    key_id: str | None
    profile: str
    """JSON."""
    cleared: list[str] | None
    """Attributes that the row says are empty; those that it does not name stay as they are."""
    identifiers: list[str] | None
    """Their keys; None where the export does not say."""

    def __repr__(self) -> str:
        """Name the row without its contents."""
        return f"StagedAccount(line={self.line})"


async def prepare_session(connection: asyncpg.Connection) -> None:
    """Make the temporary tables of a load, and set how its statements are planned and committed."""
    for statement in (*SETTINGS, MAKE_STAGED, MAKE_NUMBERED, MAKE_TOUCHED, CREATE_DRY_RUN_ROWS):
        await connection.execute(statement)


async def stage(connection: asyncpg.Connection, accounts: Sequence[StagedAccount]) -> None:
    """Copy accounts into the staging table of the caller's transaction."""
    await connection.copy_records_to_table("staged", records=accounts, columns=COLUMNS, schema_name="pg_temp")


async def number_recipe(connection: asyncpg.Connection, number: int, recipe_id: int | None) -> None:
    """Say which recipe a number in the staging table means; None for one that the store does not have."""
    await connection.execute(NUMBER, number, recipe_id)

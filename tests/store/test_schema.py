"""The schema: what its constraints prevent, and that migrations, metadata, statements and values agree."""

import importlib
import os
import subprocess
import sys
from dataclasses import fields

import asyncpg
import pytest
from alembic import command
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from service.import_events import queries
from service.import_events.queries import RecordedEvent
from service.store import recipes
from service.store.accounts import Match
from service.store.migrations import ROOT, alembic_config, is_current, known_revisions
from tests.people import plain

SQL = sorted({*(ROOT / "service" / "store").glob("*.py"), *(ROOT / "service").glob("*/queries.py")})
TEMPORARY = "service/loading/queries.py"
"""Its statements need the temporary tables of a load."""
NAMES = [path.relative_to(ROOT).as_posix() for path in SQL]
MODULES = [
    importlib.import_module(name.removesuffix(".py").replace("/", "."))
    for name in NAMES
    if name != TEMPORARY and not name.endswith("__init__.py")
]


def statements() -> dict[str, str]:
    """Return every SQL constant of the store, by module and name, except parts of statements, which begin with `_`."""
    verbs = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "MERGE", "CREATE", "COPY", "TRUNCATE", "DROP", "ANALYZE")
    found = {}
    for module in MODULES:
        for name, value in vars(module).items():
            texts = value.values() if isinstance(value, dict) else [value]
            for number, text in enumerate(texts):
                if name.isupper() and name[0] != "_" and isinstance(text, str) and text.lstrip().startswith(verbs):
                    found[f"{module.__name__}.{name}[{number}]"] = text
    return found


def test_every_migration_can_be_undone_and_done_again(empty_database_url: str) -> None:
    config = alembic_config(empty_database_url)
    for script in reversed(list(ScriptDirectory.from_config(config).walk_revisions())):
        command.upgrade(config, script.revision)
        command.downgrade(config, "-1")
        command.upgrade(config, script.revision)
    command.downgrade(config, "base")


def test_the_revisions_of_this_code_are_those_that_alembic_finds() -> None:
    scripts = ScriptDirectory.from_config(alembic_config()).walk_revisions()
    assert known_revisions() == tuple(script.revision for script in scripts)


def test_the_migrations_make_what_the_metadata_says(database_url: str) -> None:
    try:
        command.check(alembic_config(database_url))
    except CommandError as error:
        pytest.fail(str(error))


async def test_every_statement_is_understood_by_the_migrated_schema(pool: asyncpg.Pool) -> None:
    prepared = statements()
    assert len(prepared) > 15
    async with pool.acquire() as connection:
        for name, text in prepared.items():
            if text.lstrip().startswith(("CREATE", "DROP", "TRUNCATE", "ANALYZE", "COPY")):
                continue
            try:
                await connection.prepare(text)
            except asyncpg.PostgresError as error:
                if "staged" not in str(error):  # the temporary table of a load
                    pytest.fail(f"{name}: {error}")


async def test_the_events_that_are_recorded_have_the_columns_of_their_table(pool: asyncpg.Pool) -> None:
    columns = await pool.fetch(
        "SELECT column_name FROM information_schema.columns "
        "WHERE table_name = 'import_events' ORDER BY ordinal_position"
    )
    known = [row["column_name"] for row in columns if row["column_name"] != "received_at"]
    assert [field.name for field in fields(RecordedEvent)] == known


async def test_the_values_that_leave_the_store_have_the_columns_of_their_queries(pool: asyncpg.Pool) -> None:
    async with pool.acquire() as connection:
        for query, kind in (
            (queries.UNMATCHED_EVENTS, queries.UnmatchedEvent),
            (queries.MATCHES, Match),
            (recipes.RECIPES, recipes.KeptRecipe),
        ):
            statement = await connection.prepare(query)
            assert [column.name for column in statement.get_attributes()] == [each.name for each in fields(kind)]


async def make(pool: asyncpg.Pool, state: str, **more: str) -> int:
    columns = ", ".join(more)
    values = ", ".join(more.values())
    return int(
        await pool.fetchval(
            f"INSERT INTO accounts (login, login_key, state{', ' * bool(more)}{columns}) "  # noqa: S608 (constants)
            f"VALUES ('kim', 'kim', $1{', ' * bool(more)}{values}) RETURNING id",
            state,
        )
    )


HASH = """
WITH source AS (INSERT INTO sources (name) VALUES ('legacy') RETURNING id),
recipe AS (INSERT INTO recipes (format, parameters, cost, dummy_hash) VALUES ('x', '{}', $2, '{}') RETURNING id)
INSERT INTO hashes (account_id, source_id, recipe_id, armed, hash)
SELECT $1, source.id, recipe.id, $3, 'hash' FROM source, recipe
"""


@pytest.mark.parametrize("state", ["migrated", "retired", "unarmed"])
@pytest.mark.parametrize("armed", [True, False])
async def test_only_an_armed_account_can_have_a_hash(pool: asyncpg.Pool, state: str, armed: bool) -> None:
    more = {} if state == "unarmed" else {"forgotten_at": "now()", "proof": "'event'"}
    account_id = await make(pool, state, **more)
    with pytest.raises((asyncpg.ForeignKeyViolationError, asyncpg.CheckViolationError)):
        await pool.execute(HASH, account_id, "cost", armed)


async def test_an_account_with_a_hash_cannot_become_a_tombstone(pool: asyncpg.Pool) -> None:
    account_id = await make(pool, "waiting")
    await pool.execute(HASH, account_id, "cost", True)
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await pool.execute("UPDATE accounts SET state = 'migrated', forgotten_at = now(), proof = 'event'")


@pytest.mark.parametrize("state", ["migrated", "retired"])
async def test_a_tombstone_needs_a_proof_and_a_time(pool: asyncpg.Pool, state: str) -> None:
    for more in ({}, {"forgotten_at": "now()"}, {"proof": "'event'"}):
        with pytest.raises(asyncpg.CheckViolationError):
            await make(pool, state, **more)


@pytest.mark.parametrize("state", ["unarmed", "waiting", "verified", "retired"])
async def test_nothing_ends_a_migrated_tombstone(pool: asyncpg.Pool, state: str) -> None:
    await make(pool, "migrated", forgotten_at="now()", proof="'event'")
    with pytest.raises(asyncpg.CheckViolationError):
        await pool.execute(
            "UPDATE accounts SET state = $1, forgotten_at = NULL, proof = NULL, verified_at = now()", state
        )


async def test_only_a_late_success_changes_a_retired_tombstone(pool: asyncpg.Pool) -> None:
    await make(pool, "retired", forgotten_at="now()", proof="'reset in Okta'")
    with pytest.raises(asyncpg.CheckViolationError):
        await pool.execute("UPDATE accounts SET state = 'waiting', forgotten_at = NULL, proof = NULL")
    await pool.execute("UPDATE accounts SET state = 'migrated', proof = 'event'")


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO accounts (login, login_key, state) VALUES ('a', 'a', 'lost')",
        "INSERT INTO accounts (login, login_key, state) VALUES ('a', 'a', 'verified')",
        "INSERT INTO import_events (uuid, outcome, channel, effect) VALUES ('a', 'SUCCESS', 'mail', 'kept')",
        "INSERT INTO import_events (uuid, outcome, channel, effect) VALUES ('a', 'SUCCESS', 'hook', 'lost')",
    ],
)
async def test_words_that_are_not_in_the_glossary_are_refused(pool: asyncpg.Pool, statement: str) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await pool.execute(statement)


async def test_the_login_digest_key_is_made_once_and_random(pool: asyncpg.Pool) -> None:
    key = await pool.fetchval("SELECT value FROM installation WHERE name = 'login_digest_key'")
    assert len(key) == 32
    assert len(set(key)) > 8


async def test_an_older_schema_is_not_current_and_a_newer_one_is(pool: asyncpg.Pool) -> None:
    async with pool.acquire() as proxy:
        connection = plain(proxy)
        known = known_revisions()
        assert await is_current(connection, known)
        assert not await is_current(connection, ("9999", *known))
        await connection.execute("UPDATE alembic_version SET version_num = '9999'")
        assert await is_current(connection, known)
        await connection.execute("DELETE FROM alembic_version")
        assert not await is_current(connection, known)


def test_two_migrations_at_once_end_as_one(empty_database_url: str) -> None:
    migrate = [sys.executable, "-m", "service", "migrate"]
    environment = os.environ | {"DATABASE_URL": empty_database_url}
    running = [subprocess.Popen(migrate, env=environment, cwd=ROOT) for _ in range(2)]
    assert [process.wait() for process in running] == [0, 0]
    command.check(alembic_config(empty_database_url))

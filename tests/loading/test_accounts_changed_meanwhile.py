"""Accounts that are migrated, retired, deleted or verified while a load reads them, each at a certain point."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from service.loading import queries
from service.loading.load import TRIES
from service.loading.queries import RowOutcome
from service.loading.staging import ensure_source, find_source, loading_session
from service.store.encryption import HashKeys
from tests.blocking import until_blocked_or_done
from tests.loading.loader import BCRYPT, OTHER_BCRYPT, SEALING, Loader, contents

PEOPLE = f"login,password_hash,firstName\na@example.com,{BCRYPT},Ann\nb@example.com,{BCRYPT},Bo\n"
NEWER = PEOPLE.replace(BCRYPT, OTHER_BCRYPT).replace("Ann", "Anna")
MARK_MIGRATED = (
    "DELETE FROM hashes WHERE account_id = 1",
    ("UPDATE accounts SET state = $1, forgotten_at = now(), proof = 'event' WHERE id = 1"),
)
Arrange = Callable[[Callable[[], Awaitable[None]]], None]


@pytest.fixture
def after_look(monkeypatch: pytest.MonkeyPatch) -> Arrange:
    """Run something once, after a load has compared a batch and before it locks what changed."""

    def arrange(happens: Callable[[], Awaitable[None]]) -> None:
        hold = queries.hold

        async def happen_and_hold(*arguments: Any) -> object:
            monkeypatch.setattr(queries, "hold", hold)
            await happens()
            return await hold(*arguments)

        monkeypatch.setattr(queries, "hold", happen_and_hold)

    return arrange


def migrating(pool: asyncpg.Pool, state: str) -> Callable[[], Awaitable[None]]:
    async def mark_migrated() -> None:
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute(MARK_MIGRATED[0])
            await connection.execute(MARK_MIGRATED[1], state)

    return mark_migrated


@pytest.mark.parametrize("state", ["migrated", "retired"])
async def test_an_account_buried_between_the_look_and_the_lock_is_a_tombstone_and_the_load_goes_on(
    loader: Loader, pool: asyncpg.Pool, after_look: Arrange, state: str
) -> None:
    await loader.load(PEOPLE)
    after_look(migrating(pool, state))
    assert (await loader.load(NEWER)).row_outcomes == {RowOutcome.TOMBSTONE: 1, RowOutcome.CHANGED: 1}
    ann, bo = await contents(pool)
    assert (ann["state"], ann["hashes"], ann["profile"]) == (state, [], {"firstName": "Ann"})
    assert OTHER_BCRYPT in str(bo["hashes"])


@pytest.mark.parametrize("state", ["migrated", "retired"])
@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize("hashed", [True, False], ids=["with a hash", "without a hash"])
async def test_a_tombstone_is_one_in_reports_in_dry_runs_and_in_rows_without_a_hash(
    loader: Loader, pool: asyncpg.Pool, state: str, dry_run: bool, hashed: bool
) -> None:
    await loader.load(PEOPLE)
    await migrating(pool, state)()
    before = await contents(pool)
    newer = "login,firstName,identifiers\na@example.com,Anna,ann\n"
    row = f"login,password_hash,firstName\na@example.com,{OTHER_BCRYPT},Anna\n" if hashed else newer
    assert (await loader.load(row, dry_run=dry_run)).row_outcomes == {RowOutcome.TOMBSTONE: 1}
    assert await contents(pool) == before


async def test_an_account_deleted_between_the_look_and_the_lock_makes_the_batch_begin_again(
    loader: Loader, pool: asyncpg.Pool, after_look: Arrange
) -> None:
    await loader.load(PEOPLE)

    async def delete() -> None:
        await pool.execute(MARK_MIGRATED[0])
        await pool.execute("DELETE FROM accounts WHERE id = 1")

    after_look(delete)
    assert (await loader.load(NEWER)).row_outcomes == {RowOutcome.NEW: 1, RowOutcome.CHANGED: 1}
    assert OTHER_BCRYPT in str((await contents(pool))[0]["hashes"])


async def test_an_account_without_a_hash_that_is_deleted_between_the_look_and_the_lock_is_added_again(
    loader: Loader, pool: asyncpg.Pool, after_look: Arrange
) -> None:
    await loader.load("login,firstName\na@example.com,Ann\n")

    async def delete() -> None:
        await pool.execute("DELETE FROM accounts")

    after_look(delete)
    assert (await loader.load("login,firstName\na@example.com,Anna\n")).row_outcomes == {RowOutcome.NEW: 1}
    assert [row["profile"] for row in await contents(pool)] == [{"firstName": "Anna"}]


async def test_a_batch_that_always_meets_something_is_given_up_after_its_tries(
    loader: Loader, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    await loader.load(PEOPLE)
    before, tried = await contents(pool), 0

    async def hold(*_: object) -> None:
        nonlocal tried
        tried += 1
        raise queries.AccountsChanged

    async def at_once(_: float) -> None:
        pass

    monkeypatch.setattr(queries, "hold", hold)
    monkeypatch.setattr("service.loading.load.asyncio.sleep", at_once)
    with pytest.raises(queries.AccountsChanged):
        await loader.load(NEWER)
    assert (tried, await contents(pool)) == (TRIES, before)


@pytest.mark.parametrize(
    "error", [asyncpg.DeadlockDetectedError, asyncpg.SerializationError, asyncpg.UniqueViolationError,
              asyncpg.ForeignKeyViolationError],
)  # fmt: skip
async def test_a_batch_begins_again_after_each_kind_of_collision(
    loader: Loader, pool: asyncpg.Pool, after_look: Arrange, error: type[Exception]
) -> None:
    await loader.load(PEOPLE)

    async def collide() -> None:
        raise error("collision")

    after_look(collide)
    assert (await loader.load(NEWER)).row_outcomes == {RowOutcome.CHANGED: 2}


@pytest.mark.parametrize("statement", [
    "UPDATE accounts SET loaded_at = loaded_at WHERE id = 1",
    "SELECT FROM installation WHERE name = 'binding_gate' FOR SHARE",
], ids=["its accounts", "the binding lock"])  # fmt: skip
async def test_what_a_batch_changes_is_held_until_it_ends(
    loader: Loader, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch, statement: str
) -> None:
    await loader.load(PEOPLE)
    change, others = queries.change, list[asyncio.Task[Any]]()

    async def change_beside_another(*arguments: Any, **options: Any) -> object:
        others.append(asyncio.create_task(pool.execute(statement)))
        assert await until_blocked_or_done(pool, others[0])
        return await change(*arguments, **options)

    monkeypatch.setattr(queries, "change", change_beside_another)
    assert (await loader.load(NEWER)).row_outcomes == {RowOutcome.CHANGED: 2}
    await asyncio.gather(*others)


async def test_a_hash_that_is_to_be_replaced_is_locked_against_reencryption(
    loader: Loader, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    loader.keys = HashKeys({"key": SEALING})
    await loader.load(PEOPLE)
    change, others = queries.change, list[asyncio.Task[Any]]()

    async def change_beside_another(*arguments: Any, **options: Any) -> object:
        others.append(asyncio.create_task(pool.execute("SELECT FROM hashes WHERE account_id = 1 FOR UPDATE")))
        assert await until_blocked_or_done(pool, others[0])
        return await change(*arguments, **options)

    monkeypatch.setattr(queries, "change", change_beside_another)
    assert (await loader.load(NEWER)).row_outcomes == {RowOutcome.CHANGED: 2}
    await asyncio.gather(*others)


async def test_a_source_that_another_load_makes_at_once_is_found(database_url: str, pool: asyncpg.Pool) -> None:
    async with loading_session(database_url) as connection:
        async with pool.acquire() as other, other.transaction():
            await other.execute("INSERT INTO sources (name) VALUES ('legacy')")
            making = asyncio.create_task(ensure_source(connection, "legacy"))
            assert await until_blocked_or_done(pool, making)
        assert await making == await find_source(connection, "legacy")

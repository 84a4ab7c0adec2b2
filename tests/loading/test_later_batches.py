"""What a load keeps between batches: its own accounts, deleted ones, Okta ids, and counts."""

import asyncpg
import pytest

from service.administration.accounts import delete_accounts
from service.administration.queries import Filters
from service.loading import load, queries, staging
from service.loading.load import BATCH, PIECE
from service.loading.merge import BatchMerger
from service.loading.queries import RowOutcome
from service.loading.reject import Reason
from service.store.database import Database
from tests.loading.loader import BCRYPT, OTHER_BCRYPT, Loader, contents
from tests.loading.test_batches import Rows, batches_of
from tests.people import add_person


@pytest.fixture
def batches_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "BATCH", 2)


def export(*rows: str, header: str = "login,okta_id") -> str:
    return "\n".join([header, *rows]) + "\n"


async def test_a_deleted_account_does_not_come_back_in_a_batch_that_is_added_without_a_look(
    loader: Loader, pool: asyncpg.Pool, batches_of_two: None
) -> None:
    await loader.load("login\nf@example.com\n")
    database = Database(loader.url)
    await database.open()
    assert await delete_accounts(database, Filters(ids=[1]), erase=False) == 1
    await database.close()
    totals = await loader.load(export(*(f"{letter}@example.com" for letter in "abcdef"), header="login"))
    assert totals.row_outcomes == {RowOutcome.NEW: 5, RowOutcome.DELETED: 1}
    assert "f@example.com" not in [row["login"] for row in await contents(pool)]


async def test_an_account_of_the_store_in_a_batch_that_is_taken_without_a_look_is_updated(
    loader: Loader, pool: asyncpg.Pool, batches_of_two: None
) -> None:
    await loader.load(f"login,password_hash\nf@example.com,{BCRYPT}\n")
    rows = [f"{letter}@example.com,{OTHER_BCRYPT}" for letter in "abcdef"]
    totals = await loader.load(export(*rows, header="login,password_hash"))
    assert totals.row_outcomes == {RowOutcome.NEW: 5, RowOutcome.CHANGED: 1}
    assert await pool.fetchval("SELECT sum(hashes_loaded) FROM recipes") == 7


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize("kept", ["login,firstName\na@example.com,Ann\n", "login,firstName\na@example.com,Old\n"])
async def test_a_row_that_repeats_one_of_an_earlier_batch_for_a_known_account_is_refused(
    loader: Loader, pool: asyncpg.Pool, batches_of_two: None, dry_run: bool, kept: str
) -> None:
    await loader.load(kept)
    rows = ["a@example.com,Ann", "b@example.com,Bo", "c@example.com,Cy", "a@example.com,Again"]
    totals = await loader.load(export(*rows, header="login,firstName"), dry_run=dry_run)
    assert totals.refusals == {Reason.SAME_LOGIN: 1}


@pytest.mark.parametrize("dry_run", [False, True])
async def test_a_row_that_repeats_one_of_an_earlier_batch_for_a_tombstone_is_refused(
    loader: Loader, pool: asyncpg.Pool, batches_of_two: None, dry_run: bool
) -> None:
    person = await add_person(pool, "a@example.com")
    await pool.execute(
        "UPDATE accounts SET state = 'migrated', forgotten_at = now(), proof = 'event' WHERE id = $1", person.id
    )
    rows = ["a@example.com", "b@example.com", "c@example.com", "A@example.com"]
    totals = await loader.load(export(*rows, header="login"), dry_run=dry_run)
    assert (totals.row_outcomes[RowOutcome.TOMBSTONE], totals.refusals) == (1, {Reason.SAME_LOGIN: 1})


@pytest.mark.parametrize("dry_run", [False, True])
async def test_a_row_that_repeats_a_new_login_of_an_earlier_batch_is_refused(
    loader: Loader, pool: asyncpg.Pool, batches_of_two: None, dry_run: bool
) -> None:
    rows = ["a@example.com", "b@example.com", "c@example.com", "A@example.com", "d@example.com", "B@example.com"]
    totals = await loader.load(export(*rows, header="login"), dry_run=dry_run)
    assert (totals.row_outcomes, totals.refusals) == ({RowOutcome.NEW: 4}, {Reason.SAME_LOGIN: 2})


async def test_accounts_that_somebody_else_adds_between_two_batches_are_not_taken_for_those_of_the_load(
    loader: Loader, pool: asyncpg.Pool, batches_of_two: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    merge, added = BatchMerger.merge, list[str]()

    async def merge_and_add(self: BatchMerger, accounts: object) -> object:
        merged = await merge(self, accounts)  # type: ignore[arg-type]
        if not added:
            added.append("f@example.com")
            await add_person(pool, "f@example.com", source="legacy")
        return merged

    monkeypatch.setattr(BatchMerger, "merge", merge_and_add)
    rows = [f"{letter}@example.com,{letter}" for letter in "abcdef"]
    totals = await loader.load(export(*rows, header="login,firstName"))
    assert (totals.row_outcomes, totals.refusals) == ({RowOutcome.NEW: 5, RowOutcome.CHANGED: 1}, {})


async def test_of_two_rows_of_one_batch_with_the_same_okta_id_the_second_is_refused(
    loader: Loader, pool: asyncpg.Pool
) -> None:
    totals = await loader.load(export("a@example.com,00u1", "b@example.com,00u1", "c@example.com,", "d@example.com,"))
    assert (totals.row_outcomes, totals.refusals) == ({RowOutcome.NEW: 3}, {Reason.OKTA_ID_TAKEN: 1})
    assert "see line 2" in loader.rejected()


async def test_a_refused_row_takes_neither_its_login_nor_its_okta_id(loader: Loader, pool: asyncpg.Pool) -> None:
    rows = ["a@example.com,00u1", "b@example.com,00u1", "A@example.com,00u2", "b@example.com,00u2"]
    totals = await loader.load(export(*rows))
    assert totals.refusals == {Reason.OKTA_ID_TAKEN: 1, Reason.SAME_LOGIN: 1}
    assert [(row["login"], row["okta_id"]) for row in await contents(pool)] == [
        ("a@example.com", "00u1"),
        ("b@example.com", "00u2"),
    ]


async def test_a_known_account_whose_row_brings_the_okta_id_of_another_is_refused(
    loader: Loader, pool: asyncpg.Pool
) -> None:
    await loader.load(export("a@example.com,00u1", "b@example.com,"))
    assert (await loader.load(export("b@example.com,00u1"))).refusals == {Reason.OKTA_ID_TAKEN: 1}


async def test_hashes_of_known_and_new_accounts_are_counted_by_recipe(loader: Loader, pool: asyncpg.Pool) -> None:
    header = "login,password_hash"
    await loader.load(export(f"a,{BCRYPT}", f"b,{BCRYPT}", "c,", header=header))
    assert await pool.fetchval("SELECT hashes_loaded FROM recipes") == 2
    await loader.load(export(f"a,{OTHER_BCRYPT}", f"b,{BCRYPT}", f"c,{BCRYPT}", header=header))
    assert await pool.fetchval("SELECT hashes_loaded FROM recipes") == 4


@pytest.mark.parametrize("rows", [BATCH - 1, BATCH, BATCH + PIECE + 1, 2 * BATCH])
def test_batches_are_full_until_the_last(rows: int) -> None:
    batches = batches_of(Rows(rows, size=1))
    assert sum(batches) == rows
    assert set(batches[:-1]) <= {BATCH}


def test_a_batch_whose_size_is_no_multiple_of_a_piece_has_no_more_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "BATCH", PIECE + 1)
    assert batches_of(Rows(2 * PIECE + 3, size=1)) == [PIECE + 1, PIECE + 1, 1]


@pytest.mark.parametrize("dry_run", [False, True])
async def test_a_load_waits_for_the_disk_once_and_a_dry_run_does_not(
    loader: Loader, monkeypatch: pytest.MonkeyPatch, batches_of_two: None, dry_run: bool
) -> None:
    waited = list[object]()

    async def wait(connection: asyncpg.Connection) -> None:
        waited.append(await connection.fetchval("SELECT count(*) FROM accounts"))
        await staging.make_durable(connection)

    monkeypatch.setattr(load, "make_durable", wait)
    await loader.load(export("a", "b", "c", header="login"), dry_run=dry_run)
    assert waited == ([] if dry_run else [3])


async def test_ids_that_do_not_follow_each_other_are_left_and_others_taken() -> None:
    class Connection:
        """Returns ids like a sequence that another session uses too."""

        given = [{"first": 1, "last": 4}, {"first": 5, "last": 7}]  # noqa: RUF012 (one test uses it)

        async def fetchrow(self, _: str, number: int) -> dict[str, int]:
            assert number == 3
            return self.given.pop(0)

    assert await queries._reserve(Connection(), 3) == [5, 6, 7]  # type: ignore[arg-type]


@pytest.mark.parametrize("dry_run, is_analyzed", [(False, True), (True, False)])
async def test_a_load_of_many_rows_leaves_statistics_for_the_planner(
    loader: Loader, pool: asyncpg.Pool, dry_run: bool, is_analyzed: bool
) -> None:
    await pool.execute("ALTER TABLE accounts SET (autovacuum_enabled = off)")
    people = "\n".join(f"person{number}@example.com" for number in range(load.ANALYZED_FROM))
    await loader.load(f"login\n{people}\n", dry_run=dry_run)
    known = await pool.fetchval("SELECT reltuples FROM pg_class WHERE relname = 'accounts'")
    assert known == (load.ANALYZED_FROM if is_analyzed else -1)

"""Repeated loads: what changes, what stays, and what is never restored."""

import asyncpg
import pytest

from service.administration.accounts import delete_accounts, forgive_logins
from service.administration.queries import Filters, delete
from service.loading import load
from service.loading.queries import RowOutcome
from service.loading.reject import Reason
from service.loading.sources import Source
from service.loading.staging import loading_session, make_durable
from service.settings import ForgetWhen
from service.store.database import Database
from tests.loading.loader import BCRYPT, OTHER_BCRYPT, Loader, contents
from tests.people import plain

PEOPLE = f"""login,password_hash,firstName,identifiers
jessie@example.com,{BCRYPT},Jessie,jess;J.Smith
kim@example.com,,Kim,
"""


async def versions(pool: asyncpg.Pool) -> list[tuple[object, ...]]:
    """Return the transaction that wrote each row, and the row's physical position."""
    rows = await pool.fetch("""
        SELECT 'accounts' AS name, id, xmin::text, ctid::text, xmax::text FROM accounts
        UNION ALL SELECT 'hashes', account_id, xmin::text, ctid::text, xmax::text FROM hashes
        UNION ALL SELECT 'identifiers', account_id, xmin::text, ctid::text, xmax::text FROM identifiers
        UNION ALL SELECT 'recipes', id, xmin::text, ctid::text, xmax::text FROM recipes ORDER BY 1, 2, 3
    """)
    return [tuple(row) for row in rows]


async def test_a_first_load_adds_accounts_armed_and_unarmed(loader: Loader, pool: asyncpg.Pool) -> None:
    totals = await loader.load(PEOPLE)
    jessie, kim = await contents(pool)
    assert totals.row_outcomes == {RowOutcome.NEW: 2}
    assert (jessie["state"], kim["state"]) == ("waiting", "unarmed")
    assert jessie["identifiers"] == ["j.smith", "jess"]
    assert jessie["profile"] == {"firstName": "Jessie"}
    assert await pool.fetchval("SELECT hashes_loaded FROM recipes") == 1


async def test_the_same_file_twice_writes_no_row(loader: Loader, pool: asyncpg.Pool) -> None:
    await loader.load(PEOPLE)
    before = await versions(pool)
    assert (await loader.load(PEOPLE)).row_outcomes == {RowOutcome.UNCHANGED: 2}
    assert await versions(pool) == before


async def test_a_newer_export_updates_hash_profile_and_identifiers(loader: Loader, pool: asyncpg.Pool) -> None:
    await loader.load(PEOPLE)
    newer = PEOPLE.replace(BCRYPT, OTHER_BCRYPT).replace("Jessie,jess;J.Smith", "Jessica,jessica")
    assert (await loader.load(newer)).row_outcomes == {RowOutcome.CHANGED: 1, RowOutcome.UNCHANGED: 1}
    jessie, _ = await contents(pool)
    assert (jessie["profile"], jessie["identifiers"]) == ({"firstName": "Jessica"}, ["jessica"])
    assert OTHER_BCRYPT in str(jessie["hashes"])
    assert BCRYPT not in str(jessie["hashes"])


async def test_an_attribute_the_export_leaves_empty_goes_and_one_it_does_not_have_stays(
    loader: Loader, pool: asyncpg.Pool
) -> None:
    await loader.load("login,firstName,phone\na@example.com,Ann,123\n")
    await loader.load("login,phone\na@example.com,\n")
    assert (await contents(pool))[0]["profile"] == {"firstName": "Ann"}


async def test_a_new_hash_makes_a_verified_account_waiting_again_and_the_same_one_does_not(
    loader: Loader, pool: asyncpg.Pool
) -> None:
    await loader.load(PEOPLE)
    await pool.execute("UPDATE accounts SET state = 'verified', verified_at = now() WHERE login LIKE 'jessie%'")
    await loader.load(PEOPLE.replace("Jessie,", "Jess,"))
    assert (await contents(pool))[0]["state"] == "verified"
    await loader.load(PEOPLE.replace(BCRYPT, OTHER_BCRYPT))
    assert (await contents(pool))[0]["state"] == "waiting"
    assert await pool.fetchval("SELECT verified_at FROM accounts WHERE login LIKE 'jessie%'") is None


async def test_an_unarmed_account_is_armed_by_a_hash_and_not_disarmed_by_a_row_without_one(
    loader: Loader, pool: asyncpg.Pool
) -> None:
    await loader.load("login,password_hash\nkim@example.com,\n")
    await loader.load(f"login,password_hash\nkim@example.com,{BCRYPT}\n")
    assert (await contents(pool))[0]["state"] == "waiting"
    assert (await loader.load("login,password_hash\nkim@example.com,\n")).row_outcomes == {RowOutcome.UNCHANGED: 1}
    assert len((await contents(pool))[0]["hashes"]) == 1  # type: ignore[arg-type]


async def test_a_tombstone_is_left_alone(loader: Loader, pool: asyncpg.Pool) -> None:
    await loader.load(PEOPLE)
    await pool.execute("DELETE FROM hashes")
    await pool.execute(
        "UPDATE accounts SET state = 'migrated', forgotten_at = now(), proof = 'event' WHERE login LIKE 'jessie%'"
    )
    newer = PEOPLE.replace(BCRYPT, OTHER_BCRYPT).replace("Jessie", "Nobody")
    assert (await loader.load(newer)).row_outcomes == {RowOutcome.TOMBSTONE: 1, RowOutcome.UNCHANGED: 1}
    jessie, _ = await contents(pool)
    assert (jessie["hashes"], jessie["profile"]) == ([], {"firstName": "Jessie"})


async def unmatched(pool: asyncpg.Pool, login_key: str, outcome: str = "SUCCESS") -> None:
    await pool.execute(
        "INSERT INTO import_events (uuid, okta_user_id, login_key, outcome, published, channel, effect) "
        "VALUES ('event', '00u1', $1, $2, now(), 'hook', 'unmatched')",
        login_key, outcome,
    )  # fmt: skip


async def test_a_success_that_came_before_the_account_is_applied(loader: Loader, pool: asyncpg.Pool) -> None:
    await unmatched(pool, "jessie@example.com")
    totals = await loader.load(PEOPLE)
    jessie, _ = await contents(pool)
    assert (jessie["state"], jessie["hashes"], jessie["okta_id"]) == ("migrated", [], "00u1")
    assert sum(totals.effects.values()) == 1
    assert (await loader.load(PEOPLE)).row_outcomes == {RowOutcome.TOMBSTONE: 1, RowOutcome.UNCHANGED: 1}


async def test_a_success_that_nothing_explains_is_not_applied_where_settings_ask_for_a_reason(
    loader: Loader, pool: asyncpg.Pool
) -> None:
    await unmatched(pool, "jessie@example.com")
    await loader.load(PEOPLE, forget_when=ForgetWhen.VERIFIED)
    assert (await contents(pool))[0]["state"] == "waiting"


async def test_a_success_known_by_its_okta_id_is_applied_when_a_load_brings_the_id(
    loader: Loader, pool: asyncpg.Pool
) -> None:
    await loader.load(PEOPLE)
    await unmatched(pool, "another.name@example.com")
    await loader.load("login,okta_id\njessie@example.com,00u1\n")
    assert (await contents(pool))[0]["state"] == "migrated"


async def test_a_deleted_account_does_not_come_back_until_it_is_erased(loader: Loader, pool: asyncpg.Pool) -> None:
    await loader.load(PEOPLE)
    database = Database(loader.url)
    await database.open()
    ids = [await pool.fetchval("SELECT id FROM accounts WHERE login LIKE 'jessie%'")]
    assert await delete_accounts(database, Filters(ids=ids), erase=False) == 1
    assert (await loader.load(PEOPLE)).row_outcomes == {RowOutcome.DELETED: 1, RowOutcome.UNCHANGED: 1}
    await forgive_logins(database, ["Jessie@Example.com"])
    assert (await loader.load(PEOPLE)).row_outcomes == {RowOutcome.NEW: 1, RowOutcome.UNCHANGED: 1}
    await database.close()


async def test_another_source_adds_its_hash_to_the_account_with_that_login_in_any_case(
    loader: Loader, pool: asyncpg.Pool
) -> None:
    await loader.load(PEOPLE, "web")
    totals = await loader.load(f"login,password_hash\nJESSIE@example.com,{OTHER_BCRYPT}\n", "directory")
    jessie, _ = await contents(pool)
    assert totals.row_outcomes == {RowOutcome.CHANGED: 1}
    assert jessie["login"] == "jessie@example.com"
    assert [str(each).partition("|")[0] for each in jessie["hashes"]] == ["directory", "web"]  # type: ignore[attr-defined]


async def test_names_of_two_sources_stay_together_and_do_not_replace_each_other(
    loader: Loader, pool: asyncpg.Pool
) -> None:
    web = f"login,password_hash,identifiers\na@example.com,{BCRYPT},one\n"
    directory = f"login,password_hash,identifiers\na@example.com,{BCRYPT},two\n"
    await loader.load(web, "web")
    await loader.load(directory, "directory")
    assert (await contents(pool))[0]["identifiers"] == ["one", "two"]
    assert (await loader.load(web, "web")).row_outcomes == {RowOutcome.UNCHANGED: 1}


async def test_another_spelling_from_the_same_source_is_another_account_and_refused(
    loader: Loader, pool: asyncpg.Pool
) -> None:
    await loader.load(PEOPLE)
    before = await contents(pool)
    totals = await loader.load(f"login,password_hash\nJESSIE@example.com,{OTHER_BCRYPT}\n")
    assert totals.refusals == {Reason.OTHER_SPELLING: 1}
    assert await contents(pool) == before


async def test_an_accent_more_is_another_person_even_from_another_source(loader: Loader, pool: asyncpg.Pool) -> None:
    await loader.load(f"login,password_hash\njose@example.com,{BCRYPT}\n", "web")
    totals = await loader.load(f"login,password_hash\njosé@example.com,{OTHER_BCRYPT}\n", "directory")
    assert totals.refusals == {Reason.OTHER_SPELLING: 1}


async def test_an_okta_id_that_contradicts_the_store_is_refused(loader: Loader, pool: asyncpg.Pool) -> None:
    await loader.load("login,okta_id\na@example.com,00u1\nb@example.com,\n")
    totals = await loader.load("login,okta_id\na@example.com,00u2\nb@example.com,00u1\nc@example.com,00u1\n")
    assert totals.refusals == {Reason.OTHER_OKTA_ID: 1, Reason.OKTA_ID_TAKEN: 2}
    assert [row["okta_id"] for row in await contents(pool)] == ["00u1", None]


async def test_a_changed_setting_of_the_source_makes_its_hashes_new(loader: Loader, pool: asyncpg.Pool) -> None:
    digest = "5f4dcc3b5aa765d61d8327deb882cf99"
    people = f"login,password_hash\na@example.com,{digest}\n"
    await loader.load(people, Source("old", format="md5($pass)"))
    assert (await loader.load(people, Source("old", format="md5($pass)", charset="latin-1"))).row_outcomes == {
        RowOutcome.CHANGED: 1
    }
    assert await pool.fetchval("SELECT count(*) FROM recipes") == 2


async def test_a_dry_run_says_the_same_as_the_load_and_writes_nothing(loader: Loader, pool: asyncpg.Pool) -> None:
    await loader.load(PEOPLE)
    before = await versions(pool)
    newer = PEOPLE.replace("Jessie,", "Jess,") + f"new@example.com,{BCRYPT},New,\nNEW@example.com,,,\n,,,\n"
    expected = await loader.load(newer, dry_run=True)
    assert await versions(pool) == before
    done = await loader.load(newer)
    assert (expected.row_outcomes, expected.refusals, expected.formats) == (
        done.row_outcomes,
        done.refusals,
        done.formats,
    )


@pytest.mark.parametrize("rows", [["new,00u1", "old,00u1"], ["old,00u1", "new,00u1"], ["old,00u1", "other,00u1"]])
async def test_a_dry_run_foresees_that_an_earlier_batch_takes_an_okta_id(
    loader: Loader, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch, rows: list[str]
) -> None:
    monkeypatch.setattr(load, "BATCH", 1)
    await loader.load("login\nold\nother\n")
    export = "\n".join(["login,okta_id", *rows]) + "\n"
    expected = await loader.load(export, dry_run=True)
    done = await loader.load(export)
    assert (expected.row_outcomes, expected.refusals) == (done.row_outcomes, done.refusals)
    assert done.refusals == {Reason.OKTA_ID_TAKEN: 1}


async def test_a_race_between_two_deletions_leaves_no_hash(loader: Loader, pool: asyncpg.Pool) -> None:
    await loader.load(PEOPLE)
    async with pool.acquire() as proxy, proxy.transaction():
        found = await delete(plain(proxy), [1, 2, 99])
    assert sorted(deleted.login_key for deleted in found.values()) == ["jessie@example.com", "kim@example.com"]
    assert await pool.fetchval("SELECT count(*) FROM hashes") == 0


async def test_a_row_that_repeats_one_of_an_earlier_batch_is_refused_and_the_others_of_its_batch_are_added(
    loader: Loader, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "BATCH", 10)
    people = [f"p{number}@example.com,00u{number}" for number in range(60)]
    people[35] = "P3@example.com,"
    people[52] = "other@example.com,00u7"
    totals = await loader.load("\n".join(["login,okta_id", *people]) + "\n")
    assert totals.row_outcomes == {RowOutcome.NEW: 58}
    assert totals.refusals == {Reason.SAME_LOGIN: 1, Reason.OKTA_ID_TAKEN: 1}
    assert [line.split(",")[0] for line in loader.rejected().splitlines()[1:]] == ["37", "54"]
    assert await pool.fetchval("SELECT count(*) FROM accounts") == 58


async def test_a_load_that_ended_is_on_disk(loader: Loader, pool: asyncpg.Pool) -> None:
    await loader.load(PEOPLE)
    async with loading_session(loader.url) as connection:
        await connection.execute("DELETE FROM identifiers")
        written = await connection.fetchval("SELECT pg_current_wal_insert_lsn()")
        await make_durable(connection)
    assert await pool.fetchval("SELECT pg_current_wal_flush_lsn() >= $1", written)

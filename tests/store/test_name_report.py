"""Names that open no account: counted and listed by remedy, after loads, dry runs and deletions alike."""

from pathlib import Path

import asyncpg
import pytest

from service.administration.accounts import delete_accounts
from service.administration.queries import Filters
from service.loading.sources import Source
from service.store import name_report
from service.store.database import Database
from service.store.name_report import NameProblem, NameReport, count_names, report_names, saved_names
from tests.loading.loader import BCRYPT, Loader
from tests.people import plain

UNTIL_BOUND, AMBIGUOUS, WITHOUT_OPT_IN, LOGIN_OF_ANOTHER = NameProblem
OPTED_IN = Source("legacy", email_aliases=True)


@pytest.fixture
def loader(database_url: str, tmp_path: Path) -> Loader:
    return Loader(database_url, tmp_path)


def export(*rows: str) -> str:
    """Return rows of `login,identifiers,okta_id`, each with a hash."""
    return "\n".join(["login,identifiers,okta_id,password_hash", *(f"{row},{BCRYPT}" for row in rows)])


def listed(report: NameReport) -> dict[NameProblem, list[str]]:
    return {problem: list(count.names) for problem, count in report.items() if count.number}


async def report(pool: asyncpg.Pool, first: int | None = None) -> dict[NameProblem, list[str]]:
    async with pool.acquire() as proxy:
        return listed(await report_names(plain(proxy), first))


EXPORTS: dict[str, tuple[list[str], Source, dict[NameProblem, list[str]]]] = {
    "one account": (["bob@a.example,bob;4711,"], Source("legacy"), {}),
    "a short name and an identifier": (["bob@a.example,,", "kim@a.example,bob,"], OPTED_IN, {AMBIGUOUS: ["bob"]}),
    "two short names": (["bob@a.example,,", "bob@b.example,,"], OPTED_IN, {AMBIGUOUS: ["bob"]}),
    "two identifiers": (["bob@a.example,x,", "kim@a.example,x,"], OPTED_IN, {AMBIGUOUS: ["x"]}),
    "an alias without opt-in": (
        ["bob@a.example,ceo@a.example,"], Source("legacy"), {WITHOUT_OPT_IN: ["ceo@a.example"]}),
    "an alias with opt-in": (["bob@a.example,ceo@a.example,"], OPTED_IN, {}),
    "an alias that is a login": (
        ["bob@a.example,kim@a.example,", "kim@a.example,,"], OPTED_IN, {LOGIN_OF_ANOTHER: ["kim@a.example"]}),
    "a short login beside a bound short name": (["bob,,", "bob@a.example,,00u1"], OPTED_IN, {UNTIL_BOUND: ["bob"]}),
    "a short login beside an unbound short name": (["bob,,", "bob@a.example,,"], OPTED_IN, {}),
    "a bound short login beside a bound short name": (["bob,,00u2", "bob@a.example,,00u1"], OPTED_IN, {}),
}  # fmt: skip


@pytest.mark.parametrize("name", EXPORTS)
async def test_a_load_lists_the_names_that_open_no_account_and_a_dry_run_foretells_it(
    loader: Loader, pool: asyncpg.Pool, name: str
) -> None:
    rows, source, expected = EXPORTS[name]
    assert listed((await loader.load(export(*rows), source, dry_run=True)).names) == expected
    assert listed((await loader.load(export(*rows), source)).names) == expected
    assert await report(pool) == expected


async def test_a_dry_run_over_a_filled_store_foretells_opting_in_and_withdrawn_names(loader: Loader) -> None:
    await loader.load(export("bob@a.example,ceo@a.example;shared,", "kim@a.example,shared,"))
    newer = export("bob@a.example,ceo@a.example,", "kim@a.example,shared,", "shared@a.example,,")
    expected = {AMBIGUOUS: ["shared"]}
    assert listed((await loader.load(newer, OPTED_IN, dry_run=True)).names) == expected
    assert listed((await loader.load(newer, OPTED_IN)).names) == expected


async def test_names_of_deleted_accounts_make_others_ambiguous_or_inert(
    loader: Loader, pool: asyncpg.Pool, database: Database
) -> None:
    await loader.load(
        export(
            "bob@old.example,,00u1", "bob@a.example,,", "kim,ceo@a.example,", "ceo@a.example,,", "kim@old.example,,00u2"
        ),
        OPTED_IN,
    )
    await delete_accounts(database, Filters(ids=[1, 4, 5]), erase=False)
    assert await report(pool) == {
        UNTIL_BOUND: ["kim"], AMBIGUOUS: ["bob"], LOGIN_OF_ANOTHER: ["ceo@a.example"]
    }  # fmt: skip


async def test_logins_that_two_users_had_at_once_are_listed(loader: Loader, pool: asyncpg.Pool) -> None:
    await loader.load(export("bob@a.example,,00u1", "kim@a.example,,00u2", "x@a.example,,"))
    await pool.execute(
        "UPDATE accounts SET okta_login = 'x@a.example', okta_login_key = 'x@a.example', okta_updated_at = now()"
        " WHERE okta_id IS NOT NULL"
    )
    assert await report(pool) == {UNTIL_BOUND: ["x@a.example"], AMBIGUOUS: ["x"]}


async def test_the_first_names_are_listed_and_all_are_counted(loader: Loader, pool: asyncpg.Pool) -> None:
    names = [f"alias{number:02}@a.example" for number in range(12)]
    await loader.load(export(f"bob@a.example,{';'.join(names)},"))
    async with pool.acquire() as proxy:
        count = (await report_names(plain(proxy), 3))[WITHOUT_OPT_IN]
    assert (count.number, list(count.names)) == (12, names[:3])


async def test_names_of_accounts_without_a_hash_alone_are_not_listed(loader: Loader, pool: asyncpg.Pool) -> None:
    await loader.load("login,identifiers\nbob@a.example,x\nbob@b.example,x;ceo@a.example\n")
    assert await report(pool) == {}


async def saved(pool: asyncpg.Pool) -> dict[NameProblem, list[str]] | None:
    async with pool.acquire() as proxy:
        found = await saved_names(plain(proxy))
    return None if found is None else listed(found.report)


async def test_a_load_keeps_its_report_for_status_and_a_dry_run_does_not(loader: Loader, pool: asyncpg.Pool) -> None:
    await loader.load(export("bob@a.example,ceo@a.example,"), dry_run=True)
    assert await saved(pool) is None
    await loader.load(export("bob@a.example,ceo@a.example,"))
    assert await saved(pool) == {WITHOUT_OPT_IN: ["ceo@a.example"]}


async def test_deleting_an_account_discards_the_report_that_may_name_it(
    loader: Loader, pool: asyncpg.Pool, database: Database
) -> None:
    await loader.load(export("bob@a.example,ceo@a.example,"))
    await delete_accounts(database, Filters(ids=[1]), erase=True)
    assert await saved(pool) is None
    assert await pool.fetchval("SELECT count(*) FROM installation WHERE value LIKE '%ceo%'") == 0


async def test_a_report_counted_before_a_deletion_is_not_kept_after_it(
    loader: Loader, pool: asyncpg.Pool, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await loader.load(export("bob@a.example,ceo@a.example,"))
    count = name_report.report_names

    async def counted_before(connection: asyncpg.Connection, first: int | None) -> NameReport:
        found = await count(connection, first)
        await delete_accounts(database, Filters(ids=[1]), erase=True)
        return found

    monkeypatch.setattr(name_report, "report_names", counted_before)
    async with pool.acquire() as proxy:
        assert listed((await count_names(plain(proxy))).report) == {WITHOUT_OPT_IN: ["ceo@a.example"]}
    assert await saved(pool) is None

"""The progress of the migration, the remaining accounts, and the end."""

import csv
import io
from datetime import UTC, date, datetime, timedelta

import asyncpg
import pytest

from service.administration.queries import FIRST
from service.administration.status import name_stuck, pace, report_progress
from service.administration.stragglers import Why, retire_stragglers, write_stragglers
from service.cli.errors import printable
from service.cli.name_report import name_lines
from service.cli.status import report_lines
from service.okta_client.org import OktaOrg
from service.reconciliation.system_log import LogReader
from service.settings import ForgetWhen
from service.store import retirement
from service.store.database import Database
from service.store.name_report import report_names
from service.store.retirement import ArmedAccount, Proof
from simulator import Org
from tests.org_fixtures import user_of
from tests.people import hashes_of
from tests.service_fixtures import Add

JESSIE, KIM, RAJIV = "jessie.smith@example.com", "kim.sato@example.com", "rajiv.tal@example.com"


def test_the_pace_is_the_mean_of_the_last_full_week() -> None:
    today = date(2026, 11, 22)
    migrated = {today - timedelta(days=back): 70 for back in range(1, 8)} | {today: 5}
    assert pace(migrated, 700, today).per_day == 70
    assert pace(migrated, 700, today).expected_end == date(2026, 12, 2)
    assert pace({today: 12}, 24, today).expected_end == date(2026, 11, 24)
    assert pace({today - timedelta(days=2): 10}, 10, today).per_day == 5


def test_where_nobody_migrates_no_end_is_forecast() -> None:
    assert pace({}, 10, date(2026, 11, 22)).expected_end is None
    assert pace({date(2026, 11, 1): 5}, 10, date(2026, 11, 22)).expected_end is None


async def test_the_report_counts_and_names_who_is_stuck(
    hooked: Org, okta: OktaOrg, database: Database, add: Add, pool: asyncpg.Pool
) -> None:
    for login in (JESSIE, KIM, RAJIV):
        await add(login, identifiers=("shared",))
        hooked.add_user(login)
    await add("unarmed@example.com", None)
    assert (await hooked.sign_in(JESSIE, "password1")).imported
    hooked.switch(read_only=True)
    await hooked.sign_in(KIM, "password1")
    await LogReader(database, okta, ForgetWhen.SUCCESS).catch_up()
    in_two_days = datetime.now(UTC) + timedelta(days=2)
    async with database.connection() as connection:
        ambiguous = await report_names(connection)
        found = await report_progress(connection, in_two_days, names=ambiguous)
        names = await name_stuck(connection, in_two_days)
    assert found["accounts"] == {"total": 4, "unarmed": 1, "waiting": 1, "verified": 1, "migrated": 1, "retired": 0}
    assert (found["left"], found["stuck"]) == (
        2,
        {"verified_without_success": 1, "not_in_okta": 1, "refused_by_okta": 0, "ambiguous_names": 1, "too_costly": 0},
    )
    assert sum(found["failures"].values()) == 1
    assert [(row["source"], row["format"], row["number"]) for row in found["sources"]] == [("legacy", "bcrypt", 1)] * 2
    assert "2 days ago" in found["logs"][0]["warning"]
    assert names == {
        "verified_without_success": [KIM], "not_in_okta": [RAJIV], "refused_by_okta": [], "too_costly": []
    }  # fmt: skip
    assert KIM not in str(found)
    progress = "\n".join(report_lines(found, names))
    assert f"run reconcile\n    {KIM}\n" in progress
    assert "4 accounts" in progress
    assert "2 left" in progress
    assert list(name_lines(ambiguous))[1:] == [
        "  names that several accounts claim: 1 (type the full login)", "    shared"
    ]  # fmt: skip


async def test_an_empty_store_has_a_status_too(database: Database) -> None:
    async with database.connection() as connection:
        progress = "\n".join(
            report_lines(
                await report_progress(connection, names=await report_names(connection)), await name_stuck(connection)
            )
        )
    assert progress.startswith("0 accounts")
    assert "the System Log was never read" in progress


async def test_the_first_who_are_stuck_are_named_in_one_line_with_escapes(database: Database, add: Add) -> None:
    for number in range(FIRST):
        await add(f"p{number}\x1b[2J\n@example.com")
    await add("last@example.com")
    async with database.connection() as connection:
        names = (await name_stuck(connection))["not_in_okta"]
        progress = list(
            report_lines(
                await report_progress(connection, names=await report_names(connection)), {"not_in_okta": names}
            )
        )
    shown = [rf"p{number}\x1b[2J\n@example.com" for number in range(FIRST)]
    assert f"    {', '.join(shown)}, …" in progress


async def test_stragglers_are_listed_with_the_reason_and_no_hash(
    hooked: Org, okta: OktaOrg, database: Database, add: Add, pool: asyncpg.Pool
) -> None:
    hooked.add_user(JESSIE)
    await add(JESSIE, okta_id=user_of(hooked, JESSIE).id)
    hooked.add_user(KIM)
    await add(KIM, okta_id=user_of(hooked, KIM).id)
    await add("=cmd@example.com")
    await add("unarmed@example.com", None)
    await hooked.sign_in(KIM, "wrong")
    await LogReader(database, okta, ForgetWhen.SUCCESS).catch_up()
    file = io.StringIO()
    counts = await write_stragglers(database, file)
    rows = {row["login"]: row for row in csv.DictReader(io.StringIO(file.getvalue()))}
    assert counts == {Why.NEVER: 1, Why.FAILED: 1, Why.NOT_CREATED: 1, Why.NO_HASH: 1}
    assert rows[JESSIE]["why"] == "never_signed_in"
    assert (rows[KIM]["why"], rows[KIM]["sources"], rows[KIM]["formats"]) == ("failed", "legacy", "bcrypt")
    assert rows["'=cmd@example.com"]["why"] == "not_in_okta"
    assert "$2b$" not in file.getvalue()


async def test_stragglers_are_written_as_a_terminal_may_show_them(database: Database, add: Add) -> None:
    await add("p\x1b[2J@example.com")
    file = io.StringIO()
    await write_stragglers(database, file, printable)
    assert r"p\x1b[2J@example.com" in file.getvalue()


@pytest.mark.parametrize("times", [1, 2])
async def test_the_end_forgets_every_hash_with_its_proof(
    database: Database, add: Add, pool: asyncpg.Pool, times: int
) -> None:
    people = [await add(JESSIE), await add(KIM, okta_id="00u1")]
    await add("unarmed@example.com", None)
    retired = [await retire_stragglers(database) for _ in range(times)]
    assert retired[0] == {Proof.END: 2}
    assert [await hashes_of(pool, person) for person in people] == [0, 0]
    rows = await pool.fetch("SELECT state, split_part(proof, ':', 1) AS proof FROM accounts ORDER BY id")
    assert [tuple(row) for row in rows] == [("retired", "end_of_programme")] * 2 + [("unarmed", None)]


async def test_who_is_bound_while_the_end_comes_is_not_left_behind(
    database: Database, add: Add, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = [await add(JESSIE), await add(KIM)]
    read = retirement.armed_from

    async def bound_meanwhile(connection: asyncpg.Connection, after: int, number: int) -> list[ArmedAccount]:
        page = await read(connection, after, number)
        await pool.execute("UPDATE accounts SET okta_id = '00uk' WHERE id = $1", people[1].id)
        return page

    monkeypatch.setattr(retirement, "armed_from", bound_meanwhile)
    assert await retire_stragglers(database) == {Proof.END: 2}
    assert [await hashes_of(pool, person) for person in people] == [0, 0]

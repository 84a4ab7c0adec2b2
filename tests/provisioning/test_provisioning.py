"""Creation of the accounts in Okta: each once, none armed again, despite lost answers, rejections, existing users."""

import asyncio
import csv
import io
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from service.cli.errors import CommandFailed
from service.cli.provision import write_refused
from service.import_events.record import Channel, record_delivery
from service.okta.errors import INVALID, MalformedAnswer, NoAnswer, ReadOnly, Refused
from service.okta.events import read_events
from service.okta.users import read_user
from service.okta_client import open_org
from service.okta_client.org import OktaOrg
from service.provisioning.corrections import BadReport, Corrections, correct_accounts, read_report, write_report
from service.provisioning.plan import Plan, direct_import
from service.provisioning.provision import Provisioning, Totals
from service.provisioning.queries import Choice
from service.provisioning.rules import Method, Outcome
from service.settings import ForgetWhen
from service.store.database import Database
from service.stored_hashes import HashOpener
from simulator import Org
from tests.org_fixtures import org_settings, user_of
from tests.people import Person, event, state_of
from tests.service_fixtures import Add

JESSIE, KIM, RAJIV = "jessie.smith@example.com", "kim.sato@example.com", "rajiv.tal@example.com"

Provision = Callable[..., Awaitable[Totals]]


@pytest.fixture
def provision(database: Database, okta: OktaOrg) -> Provision:
    async def run(org: OktaOrg = okta, **plan: object) -> Totals:
        return await Provisioning(database, org, Plan(**plan), ForgetWhen.SUCCESS).run()  # type: ignore[arg-type]

    return run


@pytest.fixture(autouse=True)
def unlimited(org: Org) -> None:
    for bucket in org.limits.calls:
        org.limits.calls[bucket] = 100_000


async def profile(pool: asyncpg.Pool, person: Person, **attributes: object) -> None:
    await pool.execute("UPDATE accounts SET profile = $2 WHERE id = $1", person.id, json.dumps(attributes))


async def outcome_of(pool: asyncpg.Pool, person: Person) -> tuple[str, str | None]:
    row = await pool.fetchrow("SELECT outcome, reason FROM provisionings WHERE account_id = $1", person.id)
    assert row is not None
    return row["outcome"], row["reason"]


async def correct(database: Database, report: str) -> Corrections:
    return await correct_accounts(database, read_report(io.StringIO(report)), forget_when=ForgetWhen.SUCCESS)


async def test_a_waiting_account_becomes_an_active_user_with_the_hook(
    org: Org, provision: Provision, add: Add, pool: asyncpg.Pool
) -> None:
    person = await add(JESSIE)
    await profile(pool, person, firstName="Jessie", lastName="Smith", department=None)
    totals = await provision()
    user = user_of(org, JESSIE)
    assert (totals.total, totals.outcomes) == (1, {Outcome.CREATED: 1})
    assert (user.status, user.provider, user.password_hook) == ("ACTIVE", "IMPORT", True)
    assert user.profile == {"login": JESSIE, "email": JESSIE, "firstName": "Jessie", "lastName": "Smith"}
    assert await pool.fetchval("SELECT okta_id FROM accounts") == user.id


async def test_running_again_asks_okta_nothing(org: Org, provision: Provision, add: Add) -> None:
    await add(JESSIE)
    await provision()
    calls = len(org.log.records)
    totals = await provision()
    assert (totals.total, totals.done, len(org.log.records)) == (0, 0, calls)


async def test_accounts_without_a_hash_and_tombstones_are_left_out(
    org: Org, provision: Provision, add: Add, pool: asyncpg.Pool
) -> None:
    await add(JESSIE, None)
    kim = await add(KIM, None)
    await pool.execute(
        "UPDATE accounts SET state = 'migrated', forgotten_at = now(), proof = 'x' WHERE id = $1", kim.id
    )
    assert (await provision()).total == 0
    assert len(org.users) == 0


async def test_lost_answers_and_internal_errors_make_no_second_user(
    org: Org, provision: Provision, add: Add, pool: asyncpg.Pool
) -> None:
    for number in range(60):
        await add(f"user{number}@example.com")
    org.switch(lost_answers=0.2, api_errors=0.1)
    totals = await provision()
    while totals.unanswered:
        totals = await provision()
    org.switch(lost_answers=0.0, api_errors=0.0)
    assert len(org.users) == 60
    assert sum(user.rearmed for user in org.users) == 0
    bound = await pool.fetch("SELECT login, okta_id FROM accounts")
    assert {row["login"]: row["okta_id"] for row in bound} == {user.login: user.id for user in org.users}


async def test_a_death_after_the_intent_is_looked_up_before_asking_again(
    org: Org, okta: OktaOrg, provision: Provision, add: Add, pool: asyncpg.Pool
) -> None:
    person = await add(JESSIE)

    class Dying:
        async def create_user(self, *arguments: object) -> None:
            await okta.create_user(*arguments)  # type: ignore[arg-type]
            raise asyncio.CancelledError

        async def find_user(self, _name: str) -> None:
            return None

    with pytest.raises(asyncio.CancelledError):
        await provision(Dying())
    assert (await outcome_of(pool, person))[0] == "intended"
    totals = await provision()
    assert (totals.looked_up, totals.outcomes, len(org.users)) == (1, {Outcome.CREATED: 1}, 1)
    assert user_of(org, JESSIE).rearmed == 0


async def test_the_same_person_who_is_there_already_is_bound_and_not_touched(
    org: Org, provision: Provision, add: Add, pool: asyncpg.Pool
) -> None:
    person = await add(JESSIE)
    await profile(pool, person, lastName="SMITH")
    user = org.add_user(JESSIE, password="chosen in Okta", lastName="Smith")
    org.clock.advance(days=0)
    user.created = user.created.replace(year=2020)
    totals = await provision()
    assert totals.outcomes == {Outcome.FOUND: 1}
    assert (user.rearmed, user.provider) == (0, "OKTA")
    assert await pool.fetchval("SELECT okta_id FROM accounts") == user.id


async def test_a_user_from_just_before_we_asked_at_all_is_found_and_not_ours(
    org: Org, provision: Provision, add: Add
) -> None:
    await add(JESSIE)
    org.add_user(JESSIE, password="chosen in Okta")
    assert (await provision()).outcomes == {Outcome.FOUND: 1}


class Instead:
    """An org in which some calls are replaced."""

    def __init__(self, okta: OktaOrg, **instead: Callable[..., Awaitable[object]]) -> None:
        self._okta, self._instead = okta, instead

    def __getattr__(self, name: str) -> object:
        return self._instead.get(name) or getattr(self._okta, name)


async def test_somebody_else_s_short_name_is_not_taken_for_the_login(
    org: Org, okta: OktaOrg, provision: Provision, add: Add, pool: asyncpg.Pool
) -> None:
    """Okta's `GET /users/{login}` also accepts the part before the @, if only one user has it."""
    person = await add("isaac.brock")
    await profile(pool, person, email="isaac@example.org")
    org.add_user("isaac.brock@example.com")
    sent: list[Mapping[str, object]] = []

    async def find_user(name: str) -> object:
        return await okta.find_user(f"{name}@example.com")

    async def create_user(given: Mapping[str, object], *_more: object) -> object:
        sent.append(given)
        if len(sent) == 1:
            raise NoAnswer
        return read_user({"id": "00u-isaac", "profile": given})

    totals = await provision(Instead(okta, find_user=find_user, create_user=create_user))
    assert (totals.looked_up, len(sent), totals.outcomes) == (1, 2, {Outcome.CREATED: 1})


async def test_a_login_that_okta_does_not_look_up_ends_no_run(
    okta: OktaOrg, provision: Provision, add: Add, pool: asyncpg.Pool
) -> None:
    odd, kim = await add("odd\\login"), await add(KIM)
    await profile(pool, odd, email="odd@example.com")

    async def find_user(_name: str) -> object:
        raise Refused(400)

    async def create_user(given: Mapping[str, object], *more: Any) -> object:
        if given["login"] == "odd\\login":
            raise Refused(400, INVALID, ["login: must be an e-mail address"])
        return await okta.create_user(given, *more)

    totals = await provision(Instead(okta, find_user=find_user, create_user=create_user))
    assert totals.outcomes == {Outcome.CREATED: 1, Outcome.REFUSED: 1}
    assert await outcome_of(pool, odd) == ("refused", "Okta answered 400 E0000001: login: must be an e-mail address")
    assert await outcome_of(pool, kim) == ("created", None)


async def test_an_answer_that_can_not_be_read_is_looked_up_like_a_lost_one(
    org: Org, okta: OktaOrg, provision: Provision, add: Add
) -> None:
    await add(JESSIE)

    async def create_user(*arguments: Any) -> object:
        await okta.create_user(*arguments)
        raise MalformedAnswer("<html>")

    totals = await provision(Instead(okta, create_user=create_user))
    assert (totals.outcomes, len(org.users)) == ({Outcome.CREATED: 1}, 1)


async def test_another_person_of_the_same_login_is_refused_and_not_touched(
    org: Org, provision: Provision, add: Add, pool: asyncpg.Pool
) -> None:
    person = await add(JESSIE)
    await profile(pool, person, firstName="Jessie")
    user = org.add_user("Jessie.Smíth@example.com", firstName="Jessica", email="jess@example.com")
    assert (await provision()).outcomes == {Outcome.REFUSED: 1}
    assert await outcome_of(pool, person) == (
        "refused",
        "the login exists in Okta already, with another email, firstName",
    )
    assert (user.rearmed, await pool.fetchval("SELECT okta_id FROM accounts")) == (0, None)


@pytest.fixture
def python_s_own_limit() -> Iterator[None]:
    """Restore Python's limit, which a load in this process may have raised."""
    before = csv.field_size_limit(131_072)
    yield
    csv.field_size_limit(before)


@pytest.mark.usefixtures("python_s_own_limit")
@pytest.mark.parametrize(
    "rows, fault",
    [
        (f'1,"{JESSIE}\n' + "2,x\n" * 50_000, r"line \d+: field larger than field limit .*; is a quote not closed\?"),
        (f"{'9' * 19},{JESSIE}\n", "line 2: account_id is not a number"),
        (f"{'9' * 5000},{JESSIE}\n", "line 2: account_id is not a number"),
    ],
    ids=["open quote", "beyond bigint", "beyond int"],
)
def test_a_report_that_was_garbled_by_hand_is_refused_by_line(rows: str, fault: str) -> None:
    with pytest.raises(BadReport, match=fault):
        read_report(io.StringIO(f"account_id,login\n{rows}"))


async def test_what_okta_refuses_is_reported_and_can_be_corrected_and_run_again(
    org: Org, provision: Provision, add: Add, pool: asyncpg.Pool, database: Database
) -> None:
    person = await add("jessie smith", identifiers=("4711",))
    good = await add(KIM)
    await profile(pool, person, firstName="Jessie", shoeSize="44", lastName="x" * 51)
    await pool.execute("UPDATE sources SET attributes = attributes || '{shoeSize}'")
    assert (await provision()).outcomes == {Outcome.CREATED: 1, Outcome.REFUSED: 1}
    assert (await provision()).total == 0
    report = io.StringIO()
    assert await write_report(database, report) == 1
    head, row, _ = report.getvalue().split("\r\n")
    assert head == "account_id,reason,login,email,firstName,lastName,shoeSize"
    assert row.startswith(f"{person.id},email: is missing; lastName: must have from 1 to 50 characters,jessie smith,")
    corrected = f"account_id,login,email,firstName,lastName,shoeSize\n{person.id},{JESSIE},{JESSIE},Jessie,Smith,\n"
    corrected += f"{good.id},{RAJIV},,,,\n"
    corrections = await correct(database, corrected)
    assert corrections.corrected == 1
    assert corrections.refused == ["line 3: Okta did not reject this account, or it has been created since"]
    assert (await provision()).outcomes == {Outcome.CREATED: 1}
    assert user_of(org, JESSIE).profile["lastName"] == "Smith"
    names = [row["identifier_key"] for row in await pool.fetch("SELECT identifier_key FROM identifiers ORDER BY 1")]
    assert names == ["4711", "jessie smith"]


async def test_a_correction_can_not_take_another_s_login(provision: Provision, add: Add, database: Database) -> None:
    person = await add("jess")
    await add(KIM)
    await provision()
    done = await correct(database, f"account_id,login\n{person.id},{KIM.upper()}\n")
    assert done.refused == ["line 2: another account has this login"]


async def test_a_success_that_was_set_aside_for_the_corrected_login_is_applied(
    provision: Provision, add: Add, database: Database, pool: asyncpg.Pool
) -> None:
    person = await add("jess")
    await provision()
    delivery = read_events([event("e1", "00u-jessie", JESSIE)])
    await record_delivery(database, delivery, channel=Channel.HOOK, forget_when=ForgetWhen.SUCCESS)
    assert await state_of(pool, person) == "waiting"
    assert (await correct(database, f"account_id,login\n{person.id},{JESSIE}\n")).corrected == 1
    assert await state_of(pool, person) == "migrated"
    assert await pool.fetchval("SELECT count(*) FROM hashes") == 0


async def test_a_success_that_came_before_the_okta_id_was_known_is_applied(
    org: Org, okta: OktaOrg, provision: Provision, add: Add, pool: asyncpg.Pool, database: Database
) -> None:
    person = await add(JESSIE)

    class Early:
        async def create_user(self, *arguments: object) -> object:
            user = await okta.create_user(*arguments)  # type: ignore[arg-type]
            delivery = read_events([event("e1", user.id, "renamed@example.com")])
            await record_delivery(database, delivery, channel=Channel.HOOK, forget_when=ForgetWhen.SUCCESS)
            return user

    await provision(Early())
    assert await state_of(pool, person) == "migrated"


async def test_filters_choose_by_state_source_and_format(provision: Provision, add: Add) -> None:
    await add(JESSIE, source="hr")
    await add(KIM, source="shop")
    await add(RAJIV, stored=b"x", source="shop", format_name="crypt")
    assert (await provision(choice=Choice(states=["verified"]))).total == 0
    assert (await provision(choice=Choice(sources=["shop"], formats=["bcrypt"]))).total == 1
    assert (await provision(choice=Choice(formats=["crypt"]))).total == 1
    assert (await provision(choice=Choice(sources=["hr"]))).total == 1


async def test_at_most_so_many_are_created(org: Org, provision: Provision, add: Add) -> None:
    for number in range(5):
        await add(f"user{number}@example.com")
    assert (await provision(most=2)).done == 2
    assert len(org.users) == 2


async def test_those_without_an_answer_count_among_the_most_that_are_created(
    okta: OktaOrg, provision: Provision, add: Add
) -> None:
    for number in range(5):
        await add(f"user{number}@example.com")

    async def create_user(given: Mapping[str, object], *more: Any) -> object:
        if given["login"] == "user0@example.com":
            raise NoAnswer
        return await okta.create_user(given, *more)

    totals = await provision(Instead(okta, create_user=create_user), most=2)
    assert (totals.done, totals.unanswered) == (1, 1)


async def test_a_dry_run_creates_nobody_and_names_what_would_be_refused(
    org: Org, okta: OktaOrg, database: Database, add: Add
) -> None:
    await add(JESSIE)
    await add("jess")
    work = Provisioning(database, okta, Plan(), ForgetWhen.SUCCESS)
    totals = await work.dry_run()
    assert (totals.total, totals.methods, totals.outcomes) == (2, {Method.HOOK: 1}, {Outcome.REFUSED: 1})
    assert len(org.users) == 0


async def test_only_chosen_attributes_are_sent_and_the_group_is_given(
    org: Org, okta: OktaOrg, provision: Provision, add: Add, pool: asyncpg.Pool
) -> None:
    person = await add(JESSIE)
    await profile(pool, person, firstName="Jessie", secretNote="no")
    group = await okta.ensure_group("pilot 2026-11-22")
    assert await okta.ensure_group("pilot 2026-11-22") == group
    await provision(groups=[group], attributes=["firstName"])
    user = user_of(org, JESSIE)
    assert (set(user.profile), user.groups) == ({"login", "email", "firstName"}, {group})


async def test_direct_sends_what_okta_can_check_itself_and_the_rest_by_the_hook(
    hooked: Org, provision: Provision, add: Add, pool: asyncpg.Pool
) -> None:
    jessie, kim = await add(JESSIE), await add(KIM, stored=b"$1$abc$x", format_name="unknown")
    await provision(direct=direct_import(HashOpener({})))
    methods = await pool.fetch("SELECT account_id, method FROM provisionings ORDER BY 1")
    assert [(row["account_id"], row["method"]) for row in methods] == [(jessie.id, "direct"), (kim.id, "hook")]
    assert (user_of(hooked, JESSIE).password_hook, user_of(hooked, KIM).password_hook) == (False, True)
    assert await state_of(pool, jessie) == "waiting"
    assert (await hooked.sign_in(JESSIE, "password1")).signed_in
    await hooked.flush_events()
    assert await state_of(pool, jessie) == "migrated"


async def test_the_way_that_is_recorded_is_the_one_by_which_the_password_was_sent(
    org: Org, okta: OktaOrg, provision: Provision, add: Add, pool: asyncpg.Pool
) -> None:
    await add(JESSIE)

    async def unanswered(*_arguments: Any) -> object:
        raise NoAnswer

    await asyncio.gather(provision(Instead(okta, create_user=unanswered)), return_exceptions=True)
    await provision(direct=direct_import(HashOpener({})))
    assert user_of(org, JESSIE).password_hook is False
    assert await pool.fetchval("SELECT method FROM provisionings") == "direct"


async def test_read_only_mode_is_waited_out(org: Org, database: Database, add: Add) -> None:
    await add(JESSIE)
    org.switch(read_only=True)
    progress: list[str] = []
    async with open_org(org_settings(org), share=1.0, wait_out_read_only=True, progress=progress.append) as okta:
        running = asyncio.create_task(Provisioning(database, okta, Plan(), ForgetWhen.SUCCESS).run())
        while not progress:  # noqa: ASYNC110 (what it waits for has no event)
            await asyncio.sleep(0.02)
        org.switch(read_only=False)
        assert (await running).outcomes == {Outcome.CREATED: 1}


async def test_read_only_mode_is_no_refusal_of_the_account(
    org: Org, provision: Provision, add: Add, pool: asyncpg.Pool
) -> None:
    person = await add(JESSIE)
    org.switch(read_only=True)
    with pytest.raises(ReadOnly):
        await provision()
    assert (await outcome_of(pool, person))[0] == "intended"


async def test_a_refused_token_ends_the_run_and_blames_no_account(
    org: Org, provision: Provision, add: Add, pool: asyncpg.Pool
) -> None:
    await add(JESSIE)
    org.api_token = "another"
    with pytest.raises(Refused, match="401"):
        await provision()
    assert await pool.fetchval("SELECT count(*) FROM provisionings WHERE outcome = 'refused'") == 0


async def refuse(pool: asyncpg.Pool, person: Person) -> None:
    await pool.execute("INSERT INTO provisionings VALUES ($1, 'hook', 'refused', now(), now(), 'taken')", person.id)


async def test_without_refusals_a_report_is_no_file_that_must_be_writable(database: Database, tmp_path: Path) -> None:
    assert await write_refused(database, tmp_path / "no folder" / "refused.csv") == 0


async def test_a_report_that_cannot_be_written_names_the_option(
    database: Database, add: Add, pool: asyncpg.Pool, tmp_path: Path
) -> None:
    await refuse(pool, await add(JESSIE))
    with pytest.raises(CommandFailed, match=r"--report .*refused.csv: No such file or directory: choose another file"):
        await write_refused(database, tmp_path / "no folder" / "refused.csv")


async def test_a_report_goes_to_standard_output_where_it_is_asked_for(
    database: Database, add: Add, pool: asyncpg.Pool, capfd: pytest.CaptureFixture[str]
) -> None:
    await refuse(pool, await add(JESSIE))
    assert await write_refused(database, Path("-")) == 1
    assert f"taken,{JESSIE}" in capfd.readouterr().out

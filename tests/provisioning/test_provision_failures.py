"""Provisioning when something fails: rejected credentials, lost answers, an existing user, a repeated run."""

import io
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from service.import_events.record import Channel, record_delivery
from service.okta.errors import INVALID, NoAnswer, OktaFault, Refused
from service.okta.events import read_events
from service.okta.users import HOOK, OWN, OktaUser
from service.provisioning.corrections import BadReport, Corrections, correct_accounts, read_report
from service.provisioning.create_user import TRIES, UserCreation
from service.provisioning.plan import Plan, Request, direct_import
from service.provisioning.provision import CHUNK, REFUSALS_IN_A_ROW, Provisioning, Totals
from service.provisioning.queries import Candidate, Choice
from service.provisioning.rules import (
    CLOCKS_APART,
    Method,
    Outcome,
    differences,
    faults_of,
    is_ours,
    is_same_person,
    okta_profile,
)
from service.settings import ForgetWhen
from service.store.database import Database
from service.stored_hashes import HashOpener
from tests.people import Person, event, plain, state_of
from tests.people import add_hash as put_hash
from tests.reconciliation.gates import waits_for_the_gate
from tests.reconciliation.org import NOW, user
from tests.service_fixtures import Add

JESSIE, KIM = "jessie.smith@example.com", "kim.sato@example.com"


class FakeOrg:
    """An org whose answers a test determines; it counts the requests."""

    def __init__(self) -> None:
        self.users: dict[str, OktaUser] = {}
        self.creating: dict[str, OktaFault] = {}
        """Faults by login; the user is not created."""
        self.losing: set[str] = set()
        """Logins whose users are created, but without an answer."""
        self.finding: OktaFault | None = None
        self.sent: list[tuple[str, Mapping[str, Any], tuple[str, ...]]] = []
        self.looked_up: list[str] = []

    async def create_user(
        self, profile: Mapping[str, Any], password: Mapping[str, Any], groups: Sequence[str]
    ) -> OktaUser:
        login = profile["login"]
        self.sent.append((login, password, tuple(groups)))
        if login in self.creating:
            raise self.creating[login]
        if login in self.users:
            raise Refused(400, INVALID, ["login: An object with this field already exists"])
        self.users[login] = user(login, created=datetime.now(UTC), profile=dict(profile))
        if login in self.losing:
            self.losing.discard(login)
            raise NoAnswer
        return self.users[login]

    async def find_user(self, login: str) -> OktaUser | None:
        self.looked_up.append(login)
        if self.finding is not None:
            raise self.finding
        return self.users.get(login)


Provision = Callable[..., Awaitable[Totals]]


@pytest.fixture
def org() -> FakeOrg:
    return FakeOrg()


@pytest.fixture
def provision(database: Database, org: FakeOrg) -> Provision:
    async def run(**plan: Any) -> Totals:
        return await Provisioning(database, org, Plan(**plan), ForgetWhen.SUCCESS).run()

    return run


async def many(add: Add, number: int) -> list[Person]:
    return [await add(f"user{each:03}@example.com") for each in range(number)]


async def outcomes(pool: asyncpg.Pool) -> dict[str, str]:
    rows = await pool.fetch(
        "SELECT login, outcome FROM provisionings JOIN accounts ON accounts.id = provisionings.account_id"
    )
    return {row["login"]: row["outcome"] for row in rows}


async def column(pool: asyncpg.Pool, name: str) -> Any:  # noqa: ANN401 (of any type)
    return await pool.fetchval(f"SELECT {name} FROM provisionings")  # noqa: S608 (a constant of these tests)


@pytest.mark.parametrize("status", [401, 403])
async def test_credentials_refused_in_the_midst_of_a_chunk_end_the_run_and_keep_what_is_done(
    org: FakeOrg, provision: Provision, add: Add, pool: asyncpg.Pool, status: int
) -> None:
    people = await many(add, CHUNK + 2)
    for person in people[1:]:
        org.creating[person.login] = Refused(status, "E0000006")
    with pytest.raises(Refused, match=str(status)):
        await provision()
    asked = people[:REFUSALS_IN_A_ROW]
    assert {login for login, *_ in org.sent} == {person.login for person in asked}
    assert await outcomes(pool) == {person.login: "created" if person is people[0] else "intended" for person in asked}
    assert await pool.fetchval("SELECT okta_id FROM accounts WHERE id = $1", people[0].id) == f"00u-{people[0].login}"


async def test_a_chunk_without_any_answer_ends_the_run(org: FakeOrg, provision: Provision, add: Add) -> None:
    people = await many(add, CHUNK + 2)
    for person in people[:CHUNK]:
        org.creating[person.login] = NoAnswer()
    with pytest.raises(NoAnswer):
        await provision()
    assert {login for login, *_ in org.sent} == {person.login for person in people[:CHUNK]}


async def test_a_chunk_with_one_answer_goes_on_and_asks_no_account_twice(
    org: FakeOrg, provision: Provision, add: Add
) -> None:
    people = await many(add, CHUNK + 2)
    for person in people[1:CHUNK]:
        org.creating[person.login] = NoAnswer()
    totals = await provision()
    assert (totals.done, totals.unanswered, totals.methods) == (3, CHUNK - 1, {Method.HOOK: 3})
    asked = [login for login, *_ in org.sent]
    assert {asked.count(person.login) for person in people[1:CHUNK]} == {TRIES}


def refuse_all(org: FakeOrg, people: Sequence[Person]) -> None:
    for person in people:
        org.creating[person.login] = Refused(400, INVALID, [f"id: is not defined ({person.login})"])


async def test_a_run_stops_after_twenty_refusals_in_a_row(org: FakeOrg, provision: Provision, add: Add) -> None:
    people = await many(add, 30)
    refuse_all(org, people)
    totals = await provision()
    assert len(org.sent) == REFUSALS_IN_A_ROW == 20
    assert totals.outcomes == {Outcome.REFUSED: 20}
    assert people[19].login in (totals.gave_up or "")


async def test_a_success_between_refusals_restarts_their_count(org: FakeOrg, provision: Provision, add: Add) -> None:
    people = await many(add, 50)
    refuse_all(org, [*people[:19], *people[20:39], *people[40:]])
    totals = await provision()
    assert (totals.gave_up, len(org.sent)) == (None, 50)


async def test_logins_that_other_persons_have_stop_no_run(org: FakeOrg, provision: Provision, add: Add) -> None:
    for person in await many(add, 25):
        org.users[person.login] = user(person.login, profile={"login": person.login, "email": "other@example.com"})
    totals = await provision()
    assert (totals.outcomes, totals.gave_up) == ({Outcome.REFUSED: 25}, None)


async def test_a_run_that_shall_keep_going_does(org: FakeOrg, database: Database, add: Add) -> None:
    refuse_all(org, await many(add, 50))
    totals = await Provisioning(database, org, Plan(), ForgetWhen.SUCCESS, keep_going=True).run()
    assert (totals.outcomes, totals.gave_up) == ({Outcome.REFUSED: 50}, None)


async def test_accounts_after_the_refusals_are_asked_for_by_no_run_that_stopped(
    org: FakeOrg, provision: Provision, add: Add, pool: asyncpg.Pool
) -> None:
    """They have no intent, so the next run need not look them up."""
    refuse_all(org, await many(add, 30))
    await provision()
    assert set((await outcomes(pool)).values()) == {"refused"}


async def test_a_dry_run_looks_at_no_more_than_the_limit(org: FakeOrg, database: Database, add: Add) -> None:
    await many(add, 5)
    totals = await Provisioning(database, org, Plan(most=2), ForgetWhen.SUCCESS).dry_run()
    assert totals.methods == {Method.HOOK: 2}


async def test_a_lookup_refused_for_our_credentials_blames_no_account(
    org: FakeOrg, provision: Provision, add: Add, pool: asyncpg.Pool
) -> None:
    """The user exists already and its answer was lost: without the look-up it would appear to be another person's."""
    await add(JESSIE)
    org.losing, org.finding = {JESSIE}, Refused(403, "E0000006")
    with pytest.raises(Refused, match="403"):
        await provision()
    assert await outcomes(pool) == {JESSIE: "intended"}


async def test_a_user_whose_answers_are_all_lost_is_asked_for_so_often_and_no_more(org: FakeOrg, add: Add) -> None:
    assert TRIES == 8
    org.creating[JESSIE] = NoAnswer()
    with pytest.raises(NoAnswer):
        await UserCreation(org).create(_request(JESSIE), NOW)
    assert len(org.sent) == 8


@pytest.mark.parametrize("status", [400, 404, 413])
async def test_a_refusal_without_okta_s_code_blames_no_account(
    org: FakeOrg, provision: Provision, add: Add, pool: asyncpg.Pool, status: int
) -> None:
    await add(JESSIE)
    org.creating[JESSIE] = Refused(status)
    with pytest.raises(NoAnswer):
        await provision()
    assert await outcomes(pool) == {JESSIE: "intended"}


async def test_a_login_that_is_taken_is_compared_with_who_has_it(
    org: FakeOrg, provision: Provision, add: Add, pool: asyncpg.Pool
) -> None:
    await add(JESSIE)
    org.users[JESSIE] = user(JESSIE)
    totals = await provision()
    assert (totals.outcomes, totals.methods) == ({Outcome.FOUND: 1}, {})
    assert org.looked_up == [JESSIE]


async def test_the_way_is_recorded_of_a_request_whose_answer_was_lost(
    org: FakeOrg, provision: Provision, add: Add, pool: asyncpg.Pool
) -> None:
    """The first run sent the hook and created no user; the second one sent the hash."""
    await add(JESSIE)
    org.creating[JESSIE] = NoAnswer()
    with pytest.raises(NoAnswer):
        await provision()
    org.creating.clear()
    org.losing = {JESSIE}
    totals = await provision(direct=direct_import(HashOpener({})))
    assert totals.outcomes == {Outcome.CREATED: 1}
    assert await column(pool, "method") == "direct"


async def test_the_way_of_an_earlier_request_stays_where_this_run_sent_nothing(
    org: FakeOrg, provision: Provision, add: Add, pool: asyncpg.Pool
) -> None:
    await add(JESSIE)
    org.losing, org.finding = {JESSIE}, NoAnswer()
    with pytest.raises(NoAnswer):
        await provision()
    org.finding = None
    assert (await provision(direct=direct_import(HashOpener({})))).outcomes == {Outcome.CREATED: 1}
    assert await column(pool, "method") == "hook"


async def test_a_user_that_an_earlier_run_made_is_ours_however_long_ago_that_was(
    org: FakeOrg, provision: Provision, add: Add, pool: asyncpg.Pool
) -> None:
    await add(JESSIE)
    org.losing, org.finding = {JESSIE}, NoAnswer()
    with pytest.raises(NoAnswer):
        await provision()
    await pool.execute("UPDATE provisionings SET begun_at = begun_at - interval '2 hours'")
    org.users[JESSIE] = user(JESSIE, created=datetime.now(UTC) - timedelta(hours=2))
    org.finding = None
    assert (await provision()).outcomes == {Outcome.CREATED: 1}


async def test_a_refused_account_that_is_retried_starts_over(
    org: FakeOrg, provision: Provision, add: Add, pool: asyncpg.Pool
) -> None:
    """A user that others created between the two attempts is not ours."""
    await add(JESSIE)
    org.creating[JESSIE] = Refused(400, "E0000038", ["limit"])
    assert (await provision()).outcomes == {Outcome.REFUSED: 1}
    await pool.execute("UPDATE provisionings SET begun_at = begun_at - interval '2 hours'")
    org.creating[JESSIE] = NoAnswer()
    with pytest.raises(NoAnswer):
        await provision(choice=Choice(refused_too=True))
    org.creating.clear()
    org.users[JESSIE] = user(JESSIE, created=datetime.now(UTC) - timedelta(hours=1))
    assert (await provision()).outcomes == {Outcome.FOUND: 1}


async def test_refused_accounts_are_tried_again_when_they_are_asked_for_or_loaded_again(
    org: FakeOrg, provision: Provision, add: Add, pool: asyncpg.Pool
) -> None:
    await add(JESSIE)
    org.creating[JESSIE] = Refused(400, "E0000038", ["limit"])
    await provision()
    assert (await provision()).total == 0
    assert (await provision(choice=Choice(refused_too=True))).total == 1
    await pool.execute("UPDATE accounts SET loaded_at = now() + interval '1 second'")
    org.creating.clear()
    assert (await provision()).outcomes == {Outcome.CREATED: 1}


async def test_accounts_whose_password_was_verified_and_those_in_okta_are_told_apart(
    org: FakeOrg, provision: Provision, add: Add, pool: asyncpg.Pool
) -> None:
    verified = await add(JESSIE)
    await add(KIM, okta_id="00u-kim")
    await pool.execute("UPDATE accounts SET state = 'verified', verified_at = now() WHERE id = $1", verified.id)
    assert (await provision()).total == 1
    assert [login for login, *_ in org.sent] == [JESSIE]


async def test_a_user_who_belongs_to_another_account_is_not_given_to_a_second_one(
    org: FakeOrg, provision: Provision, add: Add, pool: asyncpg.Pool
) -> None:
    await add(KIM, okta_id="00u-renamed")
    await add(JESSIE)
    org.users[JESSIE] = user(JESSIE, "00u-renamed")
    assert (await provision()).outcomes == {Outcome.REFUSED: 1}
    assert "belongs to another account already" in await column(pool, "reason")
    assert await pool.fetchval("SELECT okta_id FROM accounts WHERE login = $1", JESSIE) is None


async def test_of_two_accounts_of_one_chunk_with_the_same_user_one_gets_it(
    org: FakeOrg, provision: Provision, add: Add, pool: asyncpg.Pool
) -> None:
    first, _second = await add(JESSIE), await add(KIM)
    for login in (JESSIE, KIM):
        org.users[login] = user(login, "00u-same")
    assert (await provision()).outcomes == {Outcome.FOUND: 1, Outcome.REFUSED: 1}
    bound = await pool.fetch("SELECT id FROM accounts WHERE okta_id = '00u-same'")
    assert [row["id"] for row in bound] == [first.id]


async def test_binding_the_new_users_closes_the_gate(provision: Provision, add: Add, pool: asyncpg.Pool) -> None:
    await add(JESSIE)
    assert await waits_for_the_gate(pool, provision())


async def test_a_hash_that_is_sent_comes_with_the_groups_too(org: FakeOrg, provision: Provision, add: Add) -> None:
    await add(JESSIE)
    await provision(direct=direct_import(HashOpener({})), groups=["00g-pilot"])
    ((_, password, groups),) = org.sent
    assert ("hash" in password, groups) == (True, ("00g-pilot",))


async def test_an_account_with_two_hashes_gets_the_hook(
    org: FakeOrg, provision: Provision, add: Add, pool: asyncpg.Pool
) -> None:
    person = await add(JESSIE)
    stored = await pool.fetchval("SELECT hash FROM hashes")
    async with pool.acquire() as proxy:
        await put_hash(plain(proxy), person.id, stored, source="shop")
    await provision(direct=direct_import(HashOpener({})))
    ((_, password, _),) = org.sent
    assert "hook" in password


async def test_people_without_a_hash_are_created_without_the_hook_and_disabled_ones_only_where_asked_for(
    org: FakeOrg, provision: Provision, add: Add, pool: asyncpg.Pool
) -> None:
    await add(JESSIE, None)
    disabled = await add(KIM, None)
    await pool.execute("UPDATE accounts SET disabled_reason = 'disabled in the old system' WHERE id = $1", disabled.id)
    assert (await provision()).total == 0
    totals = await provision(choice=Choice(("unarmed",)))
    assert totals.methods == {Method.NONE: 1}
    ((login, password, _),) = org.sent
    assert (login, set(password)) == (JESSIE, {"value"})
    assert await column(pool, "method") == "none"
    assert (await provision(choice=Choice(("unarmed",), disabled_too=True))).methods == {Method.NONE: 1}
    assert org.sent[0][1] != org.sent[1][1]


@pytest.mark.parametrize(
    "text, hinted",
    [
        ("You have reached the maximum number of active users", True),
        ("The limit of 10 users is exceeded", True),
        ("Active user limit exceeded", True),
        ("login: must be from 5 to 100 characters", False),
        ("Only the super user may do this", False),
    ],
)
async def test_the_refusal_of_an_org_that_is_full_is_explained(
    org: FakeOrg, provision: Provision, add: Add, pool: asyncpg.Pool, text: str, hinted: bool
) -> None:
    await add(JESSIE)
    org.creating[JESSIE] = Refused(400, INVALID, [text])
    await provision()
    assert ("ten active users" in await column(pool, "reason")) is hinted


class Groups:
    """The groups of an org, and the number of look-ups."""

    def __init__(self, **ids: str) -> None:
        self.ids = ids
        self.asked: list[str] = []

    async def find(self, name: str) -> str | None:
        self.asked.append(name)
        return self.ids.get(name)


async def with_groups(add: Add, pool: asyncpg.Pool, login: str, *groups: str) -> None:
    person = await add(login)
    await pool.execute("UPDATE accounts SET groups = $2 WHERE id = $1", person.id, list(groups))


async def test_people_get_the_groups_of_their_own_beside_the_one_of_all(
    org: FakeOrg, provision: Provision, add: Add, pool: asyncpg.Pool
) -> None:
    await with_groups(add, pool, JESSIE, "Staff", "Sales")
    await with_groups(add, pool, KIM, "Staff")
    groups = Groups(Staff="00g1", Sales="00g2")
    await provision(groups=["00g-pilot"], find_group=groups.find)
    assert {login: set(sent) for login, _, sent in org.sent} == {
        JESSIE: {"00g-pilot", "00g1", "00g2"},
        KIM: {"00g-pilot", "00g1"},
    }
    assert sorted(groups.asked) == ["Sales", "Staff"]


async def test_a_group_that_okta_does_not_have_refuses_the_account_before_okta_is_asked(
    org: FakeOrg, provision: Provision, add: Add, pool: asyncpg.Pool
) -> None:
    await with_groups(add, pool, JESSIE, "Missing")
    assert (await provision(find_group=Groups().find)).outcomes == {Outcome.REFUSED: 1}
    assert org.sent == []
    assert await column(pool, "reason") == "groups: Missing does not exist in Okta"


async def test_more_groups_than_okta_takes_refuse_the_account_before_okta_is_asked(
    org: FakeOrg, provision: Provision, add: Add, pool: asyncpg.Pool
) -> None:
    names = [f"g{number}" for number in range(20)]
    await with_groups(add, pool, JESSIE, *names)
    groups = Groups(**{name: f"00{name}" for name in names})
    assert (await provision(groups=["00g-pilot"], find_group=groups.find)).outcomes == {Outcome.REFUSED: 1}
    assert org.sent == []


# Corrections


async def correct(database: Database, report: str) -> Corrections:
    return await correct_accounts(database, read_report(io.StringIO(report)), forget_when=ForgetWhen.SUCCESS)


@pytest.fixture
async def refused(org: FakeOrg, provision: Provision, add: Add, pool: asyncpg.Pool) -> Person:
    person = await add(JESSIE)
    profile = {"firstName": "Jessie", "shoeSize": "44"}
    await pool.execute("UPDATE accounts SET profile = $1", json.dumps(profile))
    org.creating[JESSIE] = Refused(400, INVALID, ["shoeSize: is no attribute"])
    await provision()
    return person


async def test_a_correction_may_keep_the_login_and_remove_an_attribute(
    refused: Person, database: Database, pool: asyncpg.Pool
) -> None:
    done = await correct(database, f"account_id,login,firstName,shoeSize\n{refused.id},{JESSIE},Jess,\n")
    assert (done.corrected, done.refused) == (1, [])
    assert json.loads(await pool.fetchval("SELECT profile FROM accounts")) == {"firstName": "Jess"}
    assert await pool.fetchval("SELECT count(*) FROM identifiers") == 0


async def test_an_account_for_which_okta_is_being_asked_can_not_be_corrected(
    refused: Person, database: Database, pool: asyncpg.Pool
) -> None:
    await pool.execute("UPDATE provisionings SET outcome = 'intended'")
    done = await correct(database, f"account_id,login\n{refused.id},{KIM}\n")
    assert done.refused == ["line 2: Okta did not reject this account, or it has been created since"]
    assert await pool.fetchval("SELECT login FROM accounts") == JESSIE


async def test_an_account_that_got_its_user_meanwhile_can_not_be_corrected(
    refused: Person, database: Database, pool: asyncpg.Pool
) -> None:
    await pool.execute("UPDATE accounts SET okta_id = '00u-jessie'")
    done = await correct(database, f"account_id,login\n{refused.id},{KIM}\n")
    assert (done.corrected, await pool.fetchval("SELECT login FROM accounts")) == (0, JESSIE)


async def test_a_correction_closes_the_gate(refused: Person, database: Database, pool: asyncpg.Pool) -> None:
    assert await waits_for_the_gate(pool, correct(database, f"account_id,login\n{refused.id},{KIM}\n"))


@pytest.mark.parametrize(
    "row, fault",
    [
        ("7,x@example.com,Jessie,more", "line 2: there are more cells than columns"),
        (f"7,{'x' * 2000}@example.com,Jessie", "line 2: the login is missing or too long, or a cell contains a NUL"),
        ("7,,Jessie", "line 2: the login is missing or too long, or a cell contains a NUL"),
        ("7,x@example.com,Jes\0sie", "line 2: "),
    ],
    ids=["more cells", "long login", "no login", "a NUL"],
)
def test_a_row_that_can_not_be_taken_is_refused_by_its_line(row: str, fault: str) -> None:
    with pytest.raises(BadReport, match=fault):
        read_report(io.StringIO(f"account_id,login,firstName\n{row}\n"))


async def test_a_success_for_a_user_that_was_just_made_is_applied_with_its_binding(
    org: FakeOrg, provision: Provision, add: Add, pool: asyncpg.Pool, database: Database
) -> None:
    person = await add(JESSIE)
    early = read_events([event("e1", f"00u-{JESSIE}", "renamed@example.com")])
    await record_delivery(database, early, channel=Channel.HOOK, forget_when=ForgetWhen.SUCCESS)
    assert await state_of(pool, person) == "waiting"
    await provision()
    assert await state_of(pool, person) == "migrated"


# The request, and the identity of an existing user


@pytest.mark.parametrize("length, is_taken", [(4, False), (5, True), (100, True), (101, False)])
def test_a_login_has_from_5_to_100_characters(length: int, is_taken: bool) -> None:
    assert (not faults_of({"login": "x" * length, "email": "x@example.com"})) is is_taken


@pytest.mark.parametrize("length, is_taken", [(0, False), (1, True), (50, True), (51, False)])
@pytest.mark.parametrize("name", ["firstName", "lastName"])
def test_a_name_has_from_1_to_50_characters(name: str, length: int, is_taken: bool) -> None:
    assert (not faults_of({"login": JESSIE, "email": JESSIE, name: "x" * length})) is is_taken


def test_the_email_address_of_the_profile_is_sent_although_it_was_not_chosen() -> None:
    sent = okta_profile(JESSIE, {"email": "jess@example.org", "firstName": "Jessie", "note": ""}, ["firstName", "note"])
    assert sent == {"login": JESSIE, "email": "jess@example.org", "firstName": "Jessie"}


@pytest.mark.parametrize("name", ["email", "firstName", "lastName"])
def test_another_value_of_one_attribute_means_another_person(name: str) -> None:
    there = user(JESSIE, profile={"login": JESSIE, name: "other"})
    assert differences({"login": JESSIE, name: "own"}, there) == [name]
    assert not is_same_person({"login": JESSIE, name: "own"}, there)
    assert is_same_person({"login": JESSIE, name: " OTHER"}, there)


@pytest.mark.parametrize("theirs, ours", [(None, JESSIE), (JESSIE, None), (None, None)])
def test_a_user_with_a_password_of_its_own_is_the_same_person_by_the_email_address_alone(
    theirs: str | None, ours: str | None
) -> None:
    own = user(JESSIE, provider=OWN, profile={"login": JESSIE, "email": theirs})
    assert not is_same_person({"login": JESSIE, "email": ours}, own)
    assert is_same_person({"login": JESSIE, "email": JESSIE}, user(JESSIE, provider=OWN))


def test_a_user_is_ours_where_it_is_no_older_than_two_clocks_explain() -> None:
    assert timedelta(minutes=5) == CLOCKS_APART
    assert is_ours(user(JESSIE, created=NOW - timedelta(minutes=5)), NOW)
    assert not is_ours(user(JESSIE, created=NOW - timedelta(minutes=5, seconds=1)), NOW)
    assert not is_ours(user(JESSIE, created=None), NOW)


def _request(login: str) -> Request:
    return Request(Candidate(1, login, login, {}, False), {"login": login, "email": login}, Method.HOOK, HOOK, ())

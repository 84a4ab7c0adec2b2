"""Comparison of accounts with the org's users: which hashes are no longer needed, and the proof for each."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from itertools import count
from unittest.mock import AsyncMock

import asyncpg
import pytest

from service.okta.users import OktaUser
from service.okta_client.org import OktaOrg
from service.reconciliation.run import Reconciliation
from service.reconciliation.system_log import LogReport
from service.reconciliation.users import TooManyMissing, UsersReport
from service.settings import ForgetWhen
from service.store.database import Database
from service.store.retirement import Proof
from simulator import Org
from simulator.user import Status
from tests.org_fixtures import user_of
from tests.people import Person, hashes_of, state_of
from tests.service_fixtures import Add

JESSIE, KIM = "jessie.smith@example.com", "kim.sato@example.com"


@pytest.fixture
def work(database: Database, okta: OktaOrg, org: Org) -> Reconciliation:
    return Reconciliation(database, okta, ForgetWhen.SUCCESS, clock=org.clock.now)


@pytest.fixture
async def jessie(org: Org, add: Add) -> Person:
    """Add an account whose user exists; Kim exists too, so that the org is known to be the right one."""
    org.add_user(KIM)
    await add(KIM, okta_id=user_of(org, KIM).id)
    org.add_user(JESSIE)
    return await add(JESSIE, okta_id=user_of(org, JESSIE).id)


async def compare(work: Reconciliation) -> UsersReport:
    report = await work.run()
    assert report.users is not None
    return report.users


async def test_a_user_who_still_waits_keeps_the_hash(work: Reconciliation, jessie: Person, pool: asyncpg.Pool) -> None:
    report = await compare(work)
    assert (report.compared, report.retired) == (2, {})
    assert (await state_of(pool, jessie), await hashes_of(pool, jessie)) == ("waiting", 1)


async def test_a_reset_in_okta_retires_the_hash_with_its_proof(
    org: Org, work: Reconciliation, jessie: Person, pool: asyncpg.Pool
) -> None:
    org.reset_password(user_of(org, JESSIE))
    assert (await compare(work)).retired == {Proof.PASSWORD_IN_OKTA: 1}
    assert (await state_of(pool, jessie), await hashes_of(pool, jessie)) == ("retired", 0)
    proof = await pool.fetchval("SELECT proof FROM accounts WHERE id = $1", jessie.id)
    assert proof.startswith(f"password_in_okta: {user_of(org, JESSIE).id} has the provider OKTA")


async def test_a_success_in_the_log_wins_over_the_look_of_the_user(
    hooked: Org, work: Reconciliation, jessie: Person, pool: asyncpg.Pool
) -> None:
    hooked.switch(drop=1.0)
    assert (await hooked.sign_in(JESSIE, "password1")).imported
    found = await work.compare_users()
    assert (found.retired, await state_of(pool, jessie)) == ({}, "migrated")


async def test_a_success_that_the_log_shows_late_replaces_the_proof(
    hooked: Org, work: Reconciliation, jessie: Person, pool: asyncpg.Pool
) -> None:
    hooked.switch(drop=1.0, log_delay=3600.0)
    assert (await hooked.sign_in(JESSIE, "password1")).imported
    await compare(work)
    assert await state_of(pool, jessie) == "retired"
    hooked.clock.advance(hours=2)
    await compare(work)
    assert await state_of(pool, jessie) == "migrated"


@pytest.mark.parametrize("status", [Status.SUSPENDED, Status.LOCKED_OUT, Status.PASSWORD_EXPIRED])
async def test_suspended_and_locked_users_keep_their_hash(
    org: Org, work: Reconciliation, jessie: Person, pool: asyncpg.Pool, status: Status
) -> None:
    org.change_status(user_of(org, JESSIE), status)
    org.clock.advance(days=60)
    assert (await compare(work)).retired == {}
    assert await hashes_of(pool, jessie) == 1


async def test_a_deactivated_user_keeps_the_hash_for_thirty_days(
    org: Org, work: Reconciliation, jessie: Person, pool: asyncpg.Pool
) -> None:
    org.change_status(user_of(org, JESSIE), Status.DEPROVISIONED)
    org.clock.advance(days=29)
    assert (await compare(work)).retired == {}
    org.clock.advance(days=1, seconds=1)
    assert (await compare(work)).retired == {Proof.DEACTIVATED: 1}
    assert await hashes_of(pool, jessie) == 0


async def test_a_deleted_user_retires_the_hash(
    org: Org, work: Reconciliation, jessie: Person, pool: asyncpg.Pool
) -> None:
    org.users.remove(user_of(org, JESSIE))
    assert (await compare(work)).retired == {Proof.DELETED: 1}
    assert await state_of(pool, jessie) == "retired"


async def test_another_org_retires_nothing(org: Org, work: Reconciliation, jessie: Person, pool: asyncpg.Pool) -> None:
    for login in (JESSIE, KIM):
        org.users.remove(user_of(org, login))
    with pytest.raises(TooManyMissing):
        await work.run()
    assert await hashes_of(pool, jessie) == 1
    work.allow_missing = True
    assert (await compare(work)).retired == {Proof.DELETED: 2}


async def test_more_missing_users_than_deletions_explain_retire_nothing(
    org: Org, work: Reconciliation, jessie: Person, add: Add, pool: asyncpg.Pool
) -> None:
    for number in range(11):
        await add(f"{number}@example.com", okta_id=f"00umissing{number}")
    with pytest.raises(TooManyMissing):
        await work.run()
    assert await pool.fetchval("SELECT count(*) FROM hashes") == 13


async def test_a_user_with_the_login_of_an_unbound_account_is_bound(
    org: Org, work: Reconciliation, jessie: Person, add: Add, pool: asyncpg.Pool
) -> None:
    rajiv = await add("Rajiv.Tál@example.com")
    org.add_user("rajiv.tal@example.com")
    assert (await compare(work)).bound == 1
    okta_id = await pool.fetchval("SELECT okta_id FROM accounts WHERE id = $1", rajiv.id)
    assert okta_id == user_of(org, "rajiv.tal@example.com").id


async def test_a_stranger_of_the_same_login_with_a_password_of_their_own_costs_no_hash(
    org: Org, work: Reconciliation, jessie: Person, add: Add, pool: asyncpg.Pool
) -> None:
    rajiv = await add("rajiv.tal@example.com")
    org.add_user("rajiv.tal@example.com", password="chosen in Okta")
    report = await compare(work)
    assert (report.own_password_unbound, report.bound) == (1, 0)
    assert await hashes_of(pool, rajiv) == 1


async def test_a_stranger_of_the_same_login_from_a_directory_is_not_bound(
    org: Org,
    work: Reconciliation,
    jessie: Person,
    add: Add,
    pool: asyncpg.Pool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """If it were bound, the account would never be created, and the directory's user would decide about the hash."""
    rajiv = await add("rajiv.tal@example.com")
    org.add_user("rajiv.tal@example.com")
    provider = "ACTIVE_DIRECTORY"
    users = work.org.list_users

    async def list_users(asked: str | None = None) -> AsyncIterator[list[OktaUser]]:
        async for page in users(asked):
            yield [replace(user, provider=provider) if user.login == rajiv.login else user for user in page]

    monkeypatch.setattr(work.org, "list_users", list_users)
    report = await compare(work)
    assert (report.bound, report.other_providers) == (0, {provider: 1})
    assert await pool.fetchval("SELECT okta_id FROM accounts WHERE id = $1", rajiv.id) is None


async def test_the_log_is_read_while_users_are_compared_for_long(
    org: Org, work: Reconciliation, jessie: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    minutes, read = count(), AsyncMock(return_value=LogReport())
    monkeypatch.setattr(work, "read_log", read)
    work.clock = lambda: org.clock.now() + timedelta(minutes=next(minutes))
    await work.compare_users()
    assert read.await_count > 0


async def test_comparing_again_changes_nothing(org: Org, work: Reconciliation, jessie: Person) -> None:
    org.reset_password(user_of(org, JESSIE))
    await compare(work)
    assert (await compare(work)).retired == {}


async def test_more_users_than_a_page_are_all_compared(
    org: Org, work: Reconciliation, jessie: Person, add: Add
) -> None:
    for number in range(205):
        user = org.add_user(f"user{number}@example.com")
        if number % 50 == 0:
            await add(user.login, okta_id=user.id)
    report = await compare(work)
    assert (report.users, report.compared) == (207, 7)

"""Typed names from end to end: on which user Okta stores the password, for ambiguous names and renamed people.

Each case is played in an org that looks up logins first and in one that looks up short names first.
"""

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import AsyncMock

import asyncpg
import bcrypt
import pytest

from service.administration.accounts import delete_accounts
from service.administration.queries import Filters
from service.loading.queries import RowOutcome
from service.loading.sources import Source
from service.okta.errors import NoAnswer
from service.okta.users import OktaUser
from service.okta_client.org import OktaOrg
from service.provisioning.plan import Plan
from service.provisioning.provision import Provisioning
from service.reconciliation.run import Reconciliation
from service.reconciliation.users import keep_users
from service.settings import ForgetWhen, Settings
from service.store.database import Database
from service.store.encryption import HashKeys
from simulator import Org
from tests.loading.loader import SEALING, Loader
from tests.org_fixtures import user_of
from tests.service_fixtures import settings_of

BOB, BJONES, CEO, CAROL = "bob@corp.example", "bjones@corp.example", "ceo@corp.example", "carol@corp.example"
HASHES = {name: bcrypt.hashpw(name.encode(), bcrypt.gensalt(4)).decode() for name in ("one", "two", "three")}
"""The passwords of these tests."""


@dataclass
class Stage:
    """A store, an org whose hooks it answers, and the commands."""

    org: Org
    okta: OktaOrg
    database: Database
    pool: asyncpg.Pool
    loader: Loader

    async def load(self, *rows: str, source: Source | str = "legacy") -> dict[RowOutcome, int]:
        """Load rows of `login,password,identifiers`."""
        cells = [row.split(",") for row in rows]
        lines = [f"{login},{HASHES.get(password, '')},{names}" for login, password, names in cells]
        return dict(
            (await self.loader.load("\n".join(["login,password_hash,identifiers", *lines]), source)).row_outcomes
        )

    def create(self, *logins: str) -> None:
        """Create users directly: the accounts of these logins stay unbound until reconcile finds them."""
        for login in logins:
            self.org.add_user(login)

    async def reconcile(self) -> None:
        await Reconciliation(self.database, self.okta, ForgetWhen.SUCCESS, clock=self.org.clock.now).run()

    async def follow(self) -> None:
        """Continue to read the log, as `reconcile --follow` does between two comparisons."""
        await Reconciliation(self.database, self.okta, ForgetWhen.SUCCESS, clock=self.org.clock.now).read_log()

    def rename(self, login: str, other: str) -> None:
        self.org.rename(user_of(self.org, login), other)

    async def sign_in(self, name: str, password: str) -> str | None:
        """Sign in; return the login of the user that Okta stored the password on, if it did."""
        result = await self.org.sign_in(name, password)
        return result.user.login if result.imported and result.user else None


@pytest.fixture
def settings(database_url: str) -> Settings:
    """Return settings with encryption, under which every hash is bound to the login that was loaded."""
    keys = json.dumps({"key": base64.b64encode(SEALING).decode()})
    return settings_of(
        database_url=database_url, basic_auth_user="admin", basic_auth_password="supersecret", hash_keys=keys
    )


@pytest.fixture(params=[False, True], ids=["login first", "short name first"])
async def stage(
    hooked: Org, okta: OktaOrg, database: Database, pool: asyncpg.Pool, tmp_path: Path, database_url: str,
    request: pytest.FixtureRequest,
) -> Stage:  # fmt: skip
    hooked.switch(short_name_first=request.param)
    return Stage(hooked, okta, database, pool, Loader(database_url, tmp_path, keys=HashKeys({"key": SEALING})))


@pytest.mark.parametrize("bound", [False, True])
@pytest.mark.parametrize("password", ["one", "two"])
async def test_a_short_name_of_one_that_is_an_identifier_of_another_opens_neither(
    stage: Stage, bound: bool, password: str
) -> None:
    await stage.load(f"{BOB},one,rsmith", f"{BJONES},two,bob")
    stage.create(BOB, BJONES)
    if bound:
        await stage.reconcile()
    assert await stage.sign_in("bob", password) is None
    assert await stage.sign_in(BOB, "one") == BOB
    assert await stage.sign_in(BJONES, "two") == BJONES


@pytest.mark.parametrize("opted_in", [False, True])
async def test_an_alias_with_an_at_sign_opens_its_account_only_where_the_source_opts_in(
    stage: Stage, opted_in: bool
) -> None:
    await stage.load(f"{BOB},one,{CEO}", source=Source("legacy", email_aliases=opted_in))
    stage.org.add_user(BOB, identifiers=(CEO,))
    await stage.reconcile()
    assert await stage.sign_in(CEO, "one") == (BOB if opted_in else None)


async def test_the_login_of_a_deleted_account_is_nobodys_alias(stage: Stage) -> None:
    await stage.load(f"{BOB},one,{CEO}", f"{CEO},two,", source=Source("legacy", email_aliases=True))
    stage.create(BOB, CEO)
    await stage.reconcile()
    await delete_accounts(stage.database, Filters(ids=[2]), erase=False)
    assert [await stage.sign_in(CEO, password) for password in ("one", "two")] == [None, None]
    assert await stage.sign_in(BOB, "one") == BOB


@pytest.mark.parametrize("bound", [False, True])
async def test_the_local_part_of_a_deleted_login_stays_that_account_s(stage: Stage, bound: bool) -> None:
    await stage.load("bob@old.example,two,", f"{BOB},one,", f"{BJONES},three,")
    stage.create(BOB, BJONES)
    if bound:
        await stage.reconcile()
    await delete_accounts(stage.database, Filters(ids=[1]), erase=False)
    assert await stage.sign_in("bob", "one") is None
    assert await stage.sign_in("bjones", "three") == BJONES


async def test_a_short_login_is_ambiguous_beside_a_bound_short_name_until_it_is_bound(stage: Stage) -> None:
    await stage.load("bob,one,", f"{BOB},two,")
    stage.create(BOB)
    await stage.reconcile()
    assert await stage.sign_in("bob", "one") is None
    assert await stage.sign_in(BOB, "two") == BOB
    stage.create("bob")
    await stage.reconcile()
    assert await stage.sign_in("bob", "one") == "bob"


@pytest.mark.parametrize("loaded_first", [False, True])
@pytest.mark.parametrize("bound", [False, True])
@pytest.mark.parametrize("opted_in", [False, True])
async def test_an_alias_never_takes_the_full_login_of_another(
    stage: Stage, bound: bool, opted_in: bool, loaded_first: bool
) -> None:
    source = Source("legacy", email_aliases=opted_in)
    rows = [f"{BOB},one,{CEO};{CAROL}", f"{CEO},two,"]
    for row in rows if loaded_first else rows[::-1]:
        await stage.load(row, source=source)
    stage.create(BOB, CEO)
    if bound:
        await stage.reconcile()
    assert await stage.sign_in(CEO, "one") is None
    assert await stage.sign_in(CEO, "two") == CEO


# People whose login in Okta changes


@pytest.mark.parametrize("by_log", [False, True])
async def test_a_renamed_person_gets_in_by_the_new_login_and_not_by_the_old_one(stage: Stage, by_log: bool) -> None:
    await stage.load(f"{BOB},one,")
    stage.create(BOB)
    await stage.reconcile()
    stage.rename(BOB, "robert@corp.example")
    assert await stage.sign_in("robert@corp.example", "one") is None
    await (stage.follow if by_log else stage.reconcile)()
    assert await stage.sign_in(BOB, "one") is None
    assert await stage.sign_in("robert", "one") == "robert@corp.example"
    await stage.org.flush_events()
    assert await stage.pool.fetchval("SELECT state FROM accounts") == "migrated"


async def test_the_old_export_finds_a_renamed_person(stage: Stage) -> None:
    await stage.load(f"{BOB},one,")
    stage.create(BOB)
    await stage.reconcile()
    stage.rename(BOB, "robert@corp.example")
    await stage.reconcile()
    assert await stage.load(f"{BOB},two,") == {RowOutcome.CHANGED: 1}
    assert await stage.sign_in("robert@corp.example", "one") is None
    assert await stage.sign_in("robert@corp.example", "two") == "robert@corp.example"


async def test_a_renamed_person_s_hash_keeps_the_login_that_was_hashed_with_the_password(stage: Stage) -> None:
    digest = hashlib.md5(f"{BOB}one".encode(), usedforsecurity=False).hexdigest()
    source = Source("legacy", format="md5($user.$pass)")
    await stage.loader.load(f"login,password_hash\n{BOB},{digest}", source)
    stage.create(BOB)
    await stage.reconcile()
    stage.rename(BOB, "robert@corp.example")
    await stage.reconcile()
    assert await stage.sign_in("robert@corp.example", "one") == "robert@corp.example"


@pytest.mark.parametrize("pages", ["one", "two", "two, the other first"])
async def test_people_who_swap_their_logins_keep_their_own_passwords(stage: Stage, pages: str) -> None:
    await stage.load(f"{BOB},one,", f"{CAROL},two,")
    stage.create(BOB, CAROL)
    await stage.reconcile()
    first, second = user_of(stage.org, BOB), user_of(stage.org, CAROL)
    stage.rename(BOB, "between@corp.example")
    stage.rename(CAROL, BOB)
    stage.rename("between@corp.example", CAROL)
    read = [await stage.okta.find_user(user.id) for user in (first, second)]
    users = [user for user in read if user is not None]
    parts: Sequence[Sequence[OktaUser]] = [users] if pages == "one" else [users[:1], users[1:]]
    for number, part in enumerate(parts if pages != "two, the other first" else parts[::-1]):
        await keep_users(stage.database, part, [], ForgetWhen.SUCCESS)
        if number < len(parts) - 1:
            assert [await stage.sign_in(BOB, "one"), await stage.sign_in(CAROL, "two")] == [None, None]
    assert [await stage.sign_in(BOB, "one"), await stage.sign_in(CAROL, "two")] == [None, None]
    assert [await stage.sign_in(BOB, "two"), await stage.sign_in(CAROL, "one")] == [BOB, CAROL]


async def test_an_older_read_of_a_user_changes_nothing(stage: Stage) -> None:
    await stage.load(f"{BOB},one,")
    stage.create(BOB)
    before = await stage.okta.find_user(BOB)
    assert before is not None
    await stage.reconcile()
    stage.org.clock.advance(seconds=1)
    stage.rename(BOB, "robert@corp.example")
    await stage.reconcile()
    await keep_users(stage.database, [before], [], ForgetWhen.SUCCESS)
    assert await stage.sign_in("robert@corp.example", "one") == "robert@corp.example"


async def test_who_lost_the_login_to_another_has_none_until_read_again(stage: Stage) -> None:
    """The login stays without an account even after the other user is renamed again."""
    await stage.load(f"{BOB},one,", f"{CAROL},two,")
    stage.create(BOB, CAROL)
    await stage.reconcile()
    bob, carol = user_of(stage.org, BOB), user_of(stage.org, CAROL)
    stage.org.clock.advance(seconds=1)
    stage.rename(BOB, "robert@corp.example")
    for login in (BOB, "caroline@corp.example"):
        stage.org.clock.advance(seconds=1)
        stage.org.rename(carol, login)
        read = await stage.okta.find_user(carol.id)
        assert read is not None
        await keep_users(stage.database, [read], [], ForgetWhen.SUCCESS)
    superseded = await stage.pool.fetch("SELECT superseded FROM accounts ORDER BY id")
    assert [row["superseded"] for row in superseded] == [True, False]
    assert await stage.sign_in("robert@corp.example", "one") is None
    read = await stage.okta.find_user(bob.id)
    assert read is not None
    await keep_users(stage.database, [read], [], ForgetWhen.SUCCESS)
    assert await stage.sign_in("robert@corp.example", "one") == "robert@corp.example"


async def test_a_rename_onto_the_login_of_an_account_that_is_not_bound_is_ambiguous(stage: Stage) -> None:
    await stage.load(f"{BOB},one,", f"{CAROL},two,")
    stage.create(BOB)
    await stage.reconcile()
    stage.rename(BOB, CAROL)
    await stage.reconcile()
    assert [await stage.sign_in(CAROL, "one"), await stage.sign_in(CAROL, "two")] == [None, None]


async def test_a_name_that_was_another_person_s_is_the_one_s_who_has_it_now(stage: Stage) -> None:
    await stage.load(f"{BOB},one,", f"{CAROL},two,")
    stage.create(BOB, CAROL)
    await stage.reconcile()
    stage.rename(BOB, "robert@corp.example")
    stage.rename(CAROL, BOB)
    await stage.follow()
    assert await stage.sign_in(BOB, "one") is None
    assert await stage.sign_in(BOB, "two") == BOB
    assert await stage.sign_in("robert@corp.example", "one") == "robert@corp.example"


async def test_provision_keeps_the_login_of_the_users_it_makes_and_finds(stage: Stage) -> None:
    await stage.load(f"{BOB},one,", f"{CAROL},two,")
    stage.org.add_user(CAROL)
    await Provisioning(stage.database, stage.okta, Plan(), ForgetWhen.SUCCESS).run()
    rows = await stage.pool.fetch("SELECT okta_login, okta_updated_at IS NOT NULL AS read FROM accounts ORDER BY id")
    assert [tuple(row) for row in rows] == [(BOB, True), (CAROL, True)]


async def test_a_link_from_before_profile_events_were_asked_for_is_read_again_with_them(stage: Stage) -> None:
    await stage.load(f"{BOB},one,")
    stage.create(BOB)
    await stage.reconcile()
    await stage.pool.execute("UPDATE log_cursors SET filter = NULL")
    await stage.follow()
    stage.rename(BOB, "robert@corp.example")
    await stage.follow()
    assert await stage.sign_in("robert@corp.example", "one") == "robert@corp.example"


async def test_a_link_is_not_saved_before_the_users_of_its_profile_events_are_read(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.load(f"{BOB},one,")
    stage.create(BOB)
    await stage.reconcile()
    stage.rename(BOB, "robert@corp.example")
    with monkeypatch.context() as patch:
        patch.setattr(stage.okta, "find_user", AsyncMock(side_effect=NoAnswer))
        with pytest.raises(NoAnswer):
            await stage.follow()
    await stage.follow()
    assert await stage.sign_in("robert@corp.example", "one") == "robert@corp.example"

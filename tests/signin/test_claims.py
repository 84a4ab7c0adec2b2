"""The account that a typed name opens: Okta's logins, short names, identifiers, deleted accounts."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from service.signin.queries import find
from service.signin.resolve import Ambiguity
from service.store.accounts import Account
from service.store.deleted_logins import DeletedAccount, remember_deleted
from service.store.recipes import login_digest_key
from tests.people import Person, add_hash, plain
from tests.service_fixtures import Add

ADA, BOB, NEW = "ada@example.com", "bob@example.com", "new@example.com"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
Meaning = Callable[[str], Awaitable[str | Ambiguity | None]]


@pytest.fixture
def meaning(pool: asyncpg.Pool) -> Meaning:
    """Return the loaded login of the account that a name opens, or the reason why there is none."""

    async def of(name: str) -> str | Ambiguity | None:
        async with pool.acquire() as proxy:
            found = await find(plain(proxy), name)
        return found.login_key if isinstance(found, Account) else found

    return of


async def rename(
    pool: asyncpg.Pool, person: Person, login: str | None, *, minute: int = 0, superseded: bool = False
) -> None:
    """Set the person's login in Okta; `superseded` if another account has it by now."""
    updated_at = NOON + timedelta(minutes=minute)
    await pool.execute(
        "UPDATE accounts SET okta_login = $2, okta_login_key = $2, okta_updated_at = $3, superseded = $4 WHERE id = $1",
        person.id, login, updated_at, superseded,
    )  # fmt: skip


async def delete(pool: asyncpg.Pool, *deleted: DeletedAccount) -> None:
    async with pool.acquire() as proxy:
        connection = plain(proxy)
        await remember_deleted(connection, deleted, await login_digest_key(connection))


async def test_a_renamed_account_is_meant_by_its_new_login_and_its_local_part_alone(
    add: Add, pool: asyncpg.Pool, meaning: Meaning
) -> None:
    await rename(pool, await add(ADA, "right", okta_id="00u1"), NEW)
    assert [await meaning(name) for name in (NEW, "new", ADA, "ada")] == [ADA, ADA, None, None]


async def test_an_account_whose_login_another_one_has_by_now_is_meant_by_neither_its_login_nor_its_local_part(
    add: Add, pool: asyncpg.Pool, meaning: Meaning
) -> None:
    await rename(pool, await add(ADA, "right", okta_id="00u1"), None, superseded=True)
    await rename(pool, await add(BOB, "right", okta_id="00u2"), NEW, superseded=True)
    assert [await meaning(name) for name in (ADA, "ada", NEW, "new", BOB, "bob")] == [None] * 6


async def test_of_many_accounts_that_had_one_login_the_one_that_has_it_now_is_meant(
    add: Add, pool: asyncpg.Pool, meaning: Meaning
) -> None:
    for number in range(4):
        former = await add(f"former{number}@example.com", "right", okta_id=f"00u{number}")
        await rename(pool, former, NEW, minute=number, superseded=True)
    await rename(pool, await add(ADA, "right", okta_id="00u9"), NEW, minute=9)
    assert await meaning(NEW) == ADA


@pytest.mark.parametrize("renamed", [False, True])
async def test_a_local_part_of_two_accounts_means_neither(
    add: Add, pool: asyncpg.Pool, meaning: Meaning, renamed: bool
) -> None:
    people = [await add(f"{name}@example.com", "right", okta_id=name) for name in ("one", "two")]
    if renamed:
        for person, domain in zip(people, ("example.com", "example.org"), strict=True):
            await rename(pool, person, f"kim@{domain}")
    else:
        await pool.execute("UPDATE accounts SET login_key = 'kim@' || login_key")
    assert await meaning("kim") is Ambiguity.SEVERAL_CLAIMS


async def test_an_identifier_of_two_accounts_means_neither(add: Add, meaning: Meaning) -> None:
    await add(ADA, "right", identifiers=("4711",))
    await add(BOB, "right", identifiers=("4711", "4712"))
    assert [await meaning("4711"), await meaning("4712")] == [Ambiguity.SEVERAL_CLAIMS, BOB]


async def test_an_identifier_with_an_at_sign_means_its_account_only_where_the_source_opts_in(
    add: Add, meaning: Meaning
) -> None:
    await add(ADA, "right", identifiers=("alias@example.com",), email_aliases=True)
    await add(BOB, "right", identifiers=("other@example.com",))
    assert [await meaning(name) for name in ("alias@example.com", "other@example.com")] == [ADA, None]


async def test_the_okta_login_of_a_deleted_account_is_no_other_account_s_identifier(
    add: Add, pool: asyncpg.Pool, meaning: Meaning
) -> None:
    await add(ADA, "right", identifiers=(NEW,), email_aliases=True)
    assert await meaning(NEW) == ADA
    await delete(pool, DeletedAccount(BOB, NEW, is_current=False, bound=True))
    assert await meaning(NEW) is None


async def test_of_deleted_accounts_with_one_local_part_a_bound_one_counts(
    add: Add, pool: asyncpg.Pool, meaning: Meaning
) -> None:
    await add("kim", "right")
    await delete(pool, *(DeletedAccount(f"kim@{n}.example", None, is_current=True, bound=False) for n in range(3)))
    assert await meaning("kim") == "kim"
    await delete(pool, DeletedAccount("kim@bound.example", None, is_current=True, bound=True))
    assert await meaning("kim") is Ambiguity.UNBOUND_LOGIN


async def test_an_account_that_claims_a_name_twice_has_each_of_its_hashes_once(add: Add, pool: asyncpg.Pool) -> None:
    ada = await add(ADA, "right", identifiers=("ada",))
    async with pool.acquire() as proxy:
        await add_hash(plain(proxy), ada.id, b"other", source="another")
        found = await find(plain(proxy), "ada")
    assert isinstance(found, Account)
    assert [kept.source for kept in found.hashes] == ["another", "legacy"]

"""Okta's logins of bound accounts: which read of a user counts, and who holds a login that two accounts have had."""

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from service.store.okta_logins import ReadLogin, has_changes, keep_okta_logins, settle_logins
from tests.blocking import until_blocked_or_done
from tests.people import add_person, plain

ADA, BOB, NEW = "ada@example.com", "bob@example.com", "new@example.com"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def read(okta_id: str, login: str, minute: int | None) -> ReadLogin:
    return ReadLogin(okta_id, login, None if minute is None else NOON + timedelta(minutes=minute))


async def keep(pool: asyncpg.Pool, *users: ReadLogin) -> bool:
    """Store what was read; return whether a change was reported."""
    async with pool.acquire() as proxy, proxy.transaction():
        changes = await has_changes(plain(proxy), users)
        await keep_okta_logins(plain(proxy), users)
    return changes


async def settle(pool: asyncpg.Pool, account_id: int) -> None:
    async with pool.acquire() as proxy, proxy.transaction():
        await settle_logins(plain(proxy), [account_id])


async def kept(pool: asyncpg.Pool, login: str = ADA) -> tuple[str | None, bool]:
    """Return Okta's login of the account that was loaded as `login`, and whether another account has it by now."""
    row = await pool.fetchrow("SELECT okta_login, superseded FROM accounts WHERE login = $1", login)
    assert row is not None
    return row["okta_login"], row["superseded"]


@pytest.mark.parametrize(
    "later, expected",
    [
        (read("a", "second@example.com", 2), "second@example.com"),
        (read("a", "second@example.com", 1), "second@example.com"),  # renamed within the millisecond
        (read("a", "second@example.com", 0), "first@example.com"),
        (read("a", "second@example.com", None), "first@example.com"),
        (read("b", "second@example.com", 2), "first@example.com"),
    ],
)
async def test_a_read_counts_unless_it_is_older_than_the_last_one(
    pool: asyncpg.Pool, later: ReadLogin, expected: str
) -> None:
    await add_person(pool, ADA, "right", okta_id="a")
    assert await keep(pool, read("a", "first@example.com", 1))
    assert await keep(pool, later) is (expected == "second@example.com")
    assert await kept(pool) == (expected, False)


async def test_a_read_that_another_transaction_overtakes_waits_for_it_and_changes_nothing(pool: asyncpg.Pool) -> None:
    account = await add_person(pool, ADA, "right", okta_id="a")
    async with pool.acquire() as proxy:
        other = plain(proxy)
        async with other.transaction():
            await other.execute(
                "UPDATE accounts SET okta_login = $2, okta_login_key = $2, okta_updated_at = $3 WHERE id = $1",
                account.id, NEW, NOON + timedelta(minutes=2),
            )  # fmt: skip
            older = asyncio.create_task(keep(pool, read("a", BOB, 1)))
            assert await until_blocked_or_done(pool, older)
    await older
    assert await kept(pool) == (NEW, False)


async def test_of_several_reads_of_a_user_at_once_the_latest_counts(pool: asyncpg.Pool) -> None:
    await add_person(pool, ADA, "right", okta_id="a")
    await keep(pool, read("a", NEW, 2), read("a", ADA, 1), read("a", BOB, None))
    assert await kept(pool) == (NEW, False)


@pytest.mark.parametrize("together", [False, True])
async def test_of_two_accounts_with_one_login_the_one_updated_later_has_it(pool: asyncpg.Pool, together: bool) -> None:
    await add_person(pool, ADA, "right", okta_id="a")
    await add_person(pool, BOB, "right", okta_id="b")
    reads = [read("b", NEW, 2), read("a", NEW, 1)]
    for users in [reads] if together else [[each] for each in reads]:
        await keep(pool, *users)
    assert (await kept(pool, ADA), await kept(pool, BOB)) == ((NEW, True), (NEW, False))


async def test_an_account_whose_user_was_never_read_loses_its_login_to_one_that_was(pool: asyncpg.Pool) -> None:
    await add_person(pool, ADA, "right", okta_id="a")
    await add_person(pool, BOB, "right", okta_id="b")
    await keep(pool, read("b", ADA, 1))
    assert (await kept(pool, ADA), await kept(pool, BOB)) == ((None, True), (ADA, False))


async def test_an_account_without_an_okta_id_loses_its_login_to_nobody(pool: asyncpg.Pool) -> None:
    await add_person(pool, ADA, "right")
    await add_person(pool, BOB, "right", okta_id="b")
    await keep(pool, read("b", ADA, 1))
    assert await kept(pool, ADA) == (None, False)


async def test_an_account_that_lost_its_login_has_one_again_when_its_user_is_read(pool: asyncpg.Pool) -> None:
    await add_person(pool, ADA, "right", okta_id="a")
    await add_person(pool, BOB, "right", okta_id="b")
    await keep(pool, read("b", ADA, 1))
    await keep(pool, read("a", NEW, 2))
    assert await kept(pool, ADA) == (NEW, False)


async def test_binding_an_account_settles_who_has_its_login(pool: asyncpg.Pool) -> None:
    ada = await add_person(pool, ADA, "right")
    await add_person(pool, BOB, "right", okta_id="b")
    await keep(pool, read("b", ADA, 1))
    await pool.execute("UPDATE accounts SET okta_id = 'a' WHERE id = $1", ada.id)
    await settle(pool, ada.id)
    assert (await kept(pool, ADA), await kept(pool, BOB)) == ((None, True), (ADA, False))


async def test_the_login_that_is_settled_is_the_current_one(pool: asyncpg.Pool) -> None:
    people = [await add_person(pool, login, "right", okta_id=login) for login in (ADA, BOB)]
    for number, person in enumerate(people):
        await pool.execute(
            "UPDATE accounts SET okta_login = $2, okta_login_key = $2, okta_updated_at = $3 WHERE id = $1",
            person.id, NEW, NOON + timedelta(minutes=number),
        )  # fmt: skip
    await settle(pool, people[-1].id)
    assert (await kept(pool, ADA), await kept(pool, BOB)) == ((NEW, True), (NEW, False))


async def test_a_login_that_no_index_can_hold_is_not_kept(pool: asyncpg.Pool) -> None:
    await add_person(pool, ADA, "right", okta_id="a")
    assert not await keep(pool, read("a", "x" * 10_000, 1))
    assert await kept(pool) == (None, False)

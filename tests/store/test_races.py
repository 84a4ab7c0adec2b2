"""Concurrent load, VERIFIED and SUCCESS: in any order, no tombstone has a hash and no SUCCESS is lost."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import asyncpg
import pytest

from service.import_events import queries
from service.import_events.queries import BindingLock
from service.import_events.record import Channel, apply_unmatched, record_delivery
from service.okta.events import Delivery, ImportEvent
from service.settings import ForgetWhen
from service.signin.queries import record_verified
from service.store.accounts import login_key
from service.store.database import Database
from tests.people import add_hash

ROUNDS = 30


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url, connections=10)
    await database.open()
    yield database
    await database.close()


def success(number: int, login: str | None = None) -> ImportEvent:
    return ImportEvent(f"e{number}", f"00u{number}", login or f"p{number}@example.com", "SUCCESS", None, None, None)


async def deliver(database: Database, *events: ImportEvent) -> None:
    delivery = Delivery("delivery", events, 0, ())
    await record_delivery(database, delivery, channel=Channel.HOOK, forget_when=ForgetWhen.SUCCESS)


async def load(database: Database, number: int) -> None:
    """Do what a load does for one person: add the account and its hash, and apply the events that came before it."""
    login = f"p{number}@example.com"
    async with database.transaction() as connection:
        await queries.acquire_binding_lock(connection, BindingLock.EXCLUSIVE)
        account_id = await connection.fetchval(
            "INSERT INTO accounts (login, login_key, state) VALUES ($1, $2, 'waiting') RETURNING id",
            login, login_key(login),
        )  # fmt: skip
        await asyncio.sleep(0)
        await add_hash(connection, account_id, b"hash")
        await apply_unmatched(connection, [account_id], ForgetWhen.SUCCESS)


async def rearm(database: Database, number: int, source: str) -> None:
    """Load a newer export with a new hash for a person who may be migrating at the moment."""
    async with database.connection() as connection:
        with contextlib.suppress(asyncpg.ForeignKeyViolationError):  # they had migrated: the schema refused
            await add_hash(connection, number, b"newer", source)


async def verify(database: Database, number: int) -> None:
    async with database.connection() as connection:
        await record_verified(connection, number)


async def assert_consistent(pool: asyncpg.Pool, migrated: int) -> None:
    broken = "SELECT count(*) FROM hashes JOIN accounts ON accounts.id = account_id WHERE forgotten_at IS NOT NULL"
    assert await pool.fetchval(broken) == 0
    assert await pool.fetchval("SELECT count(*) FROM accounts WHERE state = 'migrated'") == migrated
    assert await pool.fetchval("SELECT count(*) FROM import_events WHERE effect = 'unmatched'") == 0


async def test_a_success_and_the_load_of_its_account_at_once_always_meet(
    database: Database, pool: asyncpg.Pool
) -> None:
    for number in range(ROUNDS):
        await asyncio.gather(load(database, number), deliver(database, success(number)))
    await assert_consistent(pool, migrated=ROUNDS)
    assert await pool.fetchval("SELECT count(*) FROM hashes") == 0


async def test_a_success_that_came_long_before_the_load_is_applied_by_it(
    database: Database, pool: asyncpg.Pool
) -> None:
    await deliver(database, success(1))
    assert await pool.fetchval("SELECT effect FROM import_events") == "unmatched"
    await load(database, 1)
    await assert_consistent(pool, migrated=1)
    assert await pool.fetchval("SELECT okta_id FROM accounts") == "00u1"


async def test_a_binding_and_a_success_for_that_id_under_another_login_always_meet(
    database: Database, pool: asyncpg.Pool
) -> None:
    for number in range(ROUNDS):
        await load(database, number)
        failure = ImportEvent(f"f{number}", f"00u{number}", f"p{number}@example.com", "FAILURE", None, None, None)
        renamed = success(number, login=f"renamed{number}@example.com")
        await asyncio.gather(deliver(database, failure), deliver(database, renamed))
    await assert_consistent(pool, migrated=ROUNDS)


async def test_a_hash_added_while_its_account_is_migrated_is_refused_or_deleted(
    database: Database, pool: asyncpg.Pool
) -> None:
    for number in range(1, ROUNDS + 1):
        await load(database, number)
        await asyncio.gather(
            rearm(database, number, "second"),
            deliver(database, success(number)),
            verify(database, number),
            rearm(database, number, "third"),
        )
    await assert_consistent(pool, migrated=ROUNDS)
    assert await pool.fetchval("SELECT count(*) FROM hashes") == 0


async def test_deliveries_that_hold_the_same_people_in_opposite_orders_all_end(
    database: Database, pool: asyncpg.Pool
) -> None:
    for number in range(ROUNDS):
        await load(database, number)
    events = [success(number) for number in range(ROUNDS)]
    halves = events[::2], events[1::2], events[::-1], events
    await asyncio.gather(*(deliver(database, *half) for half in halves * 3))
    await assert_consistent(pool, migrated=ROUNDS)

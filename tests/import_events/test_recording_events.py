"""Concurrent recording of import events: the binding lock, repeated uuids, unmatched events, and retried slices.

Each race is played in one order, which a lock held by the test enforces.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from service.import_events import queries
from service.import_events import record as import_events_record
from service.import_events.decide import Effect
from service.import_events.queries import BindingLock
from service.import_events.record import SLICE, TRIES, Channel, apply_unmatched, record_delivery
from service.okta.events import Delivery, ImportEvent
from service.settings import ForgetWhen
from service.store.accounts import login_key
from service.store.database import Database
from service.store.okta_logins import ReadLogin, keep_okta_logins
from tests.blocking import until_blocked_or_done
from tests.people import add_person, hashes_of, plain, state_of

KIM = "kim@example.com"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
Effects = dict[Effect, int]


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url, connections=10)
    await database.open()
    yield database
    await database.close()


def event(uuid: str, user_id: str | None, login: str | None, outcome: str = "SUCCESS") -> ImportEvent:
    return ImportEvent(uuid, user_id, login, outcome, None, None, None)


async def deliver(database: Database, *events: ImportEvent, forget_when: ForgetWhen = ForgetWhen.SUCCESS) -> Effects:
    delivery = Delivery("delivery", events, 0, ())
    return dict(await record_delivery(database, delivery, channel=Channel.HOOK, forget_when=forget_when))


async def recorded(pool: asyncpg.Pool) -> dict[str, str]:
    return {row["uuid"]: row["effect"] for row in await pool.fetch("SELECT uuid, effect FROM import_events")}


@asynccontextmanager
async def transaction(pool: asyncpg.Pool) -> AsyncIterator[asyncpg.Connection]:
    async with pool.acquire() as proxy, proxy.transaction():
        yield plain(proxy)


@pytest.fixture
def after_first_look(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Awaitable[None]]], list[bool]]:
    """Run something between the first read of a slice and its lock; return the reads, locking or not."""

    def arrange(happens: Callable[[], Awaitable[None]]) -> list[bool]:
        find, looks = queries.find_matches, list[bool]()

        async def find_and_wait(*arguments: Any, lock: bool) -> object:
            found = await find(*arguments, lock=lock)
            looks.append(lock)
            if looks == [False]:
                await happens()
            return found

        monkeypatch.setattr(queries, "find_matches", find_and_wait)
        return looks

    return arrange


async def test_every_event_of_more_than_two_slices_is_recorded(database: Database, pool: asyncpg.Pool) -> None:
    number = 2 * SLICE + 2
    effects = await deliver(database, *(event(f"e{each}", f"00u{each}", None) for each in range(number)))
    assert effects == {Effect.UNMATCHED: number}
    assert (await recorded(pool)).keys() == {f"e{each}" for each in range(number)}


async def test_the_event_that_is_the_first_of_the_next_slice_finds_what_the_slice_before_it_changed(
    database: Database, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_events_record, "SLICE", 1)
    kim = await add_person(pool, KIM, "x")
    effects = await deliver(database, event("e1", "00u1", KIM, "FAILURE"), event("e2", "00u1", "renamed@example.com"))
    assert (effects, await state_of(pool, kim)) == ({Effect.KEPT: 1, Effect.MIGRATED: 1}, "migrated")


async def test_of_two_events_under_one_uuid_at_once_only_the_recorded_one_acts(
    database: Database, pool: asyncpg.Pool
) -> None:
    kim, jessie = await add_person(pool, KIM, "x"), await add_person(pool, "jessie@example.com", "x")
    async with transaction(pool) as connection:
        # The first event is recorded, and takes effect, when this transaction ends.
        await connection.execute(
            "INSERT INTO import_events (uuid, okta_user_id, login_key, outcome, channel, account_id, effect) "
            "VALUES ('e1', '00u1', $1, 'FAILURE', 'hook', $2, 'kept')", KIM, kim.id,
        )  # fmt: skip
        delivering = asyncio.create_task(deliver(database, event("e1", "00u2", jessie.login)))
        assert await until_blocked_or_done(pool, delivering)
    assert await delivering == {}
    assert [await state_of(pool, person) for person in (kim, jessie)] == ["waiting", "waiting"]
    assert await hashes_of(pool, jessie) == 1
    assert await pool.fetchval("SELECT okta_id FROM accounts WHERE id = $1", jessie.id) is None
    assert await recorded(pool) == {"e1": "kept"}


async def test_an_event_that_is_recorded_meanwhile_does_not_act_again(database: Database, pool: asyncpg.Pool) -> None:
    kim = await add_person(pool, KIM, "x")
    async with transaction(pool) as connection:
        await connection.execute(
            "INSERT INTO import_events (uuid, okta_user_id, login_key, outcome, channel, account_id, effect) "
            "VALUES ('e1', '00u1', $1, 'SUCCESS', 'hook', $2, 'unexplained')", KIM, kim.id,
        )  # fmt: skip
        delivering = asyncio.create_task(deliver(database, event("e1", "00u1", KIM)))
        assert await until_blocked_or_done(pool, delivering)
    assert await delivering == {}
    assert (await state_of(pool, kim), await hashes_of(pool, kim)) == ("waiting", 1)
    assert await recorded(pool) == {"e1": "unexplained"}


async def test_another_event_under_the_uuid_of_one_set_aside_at_once_does_not_act(
    database: Database, pool: asyncpg.Pool
) -> None:
    jessie = await add_person(pool, "jessie@example.com", "x")
    async with transaction(pool) as connection:
        await connection.execute(
            "INSERT INTO import_events (uuid, okta_user_id, login_key, outcome, channel, effect) "
            "VALUES ('e1', '00u9', 'nobody@example.com', 'FAILURE', 'hook', 'unmatched')"
        )
        delivering = asyncio.create_task(deliver(database, event("e1", "00u2", jessie.login)))
        assert await until_blocked_or_done(pool, delivering)
    assert await delivering == {}
    assert (await state_of(pool, jessie), await hashes_of(pool, jessie)) == ("waiting", 1)
    assert await recorded(pool) == {"e1": "unmatched"}


@pytest.mark.parametrize(
    "other",
    [
        event("e1", "00u2", KIM),
        event("e1", "00u1", "jessie@example.com"),
        event("e1", "00u1", KIM, "FAILURE"),
        ImportEvent("e1", "00u1", KIM, "SUCCESS", None, NOON, None),
    ],
    ids=["okta id", "login", "outcome", "published"],
)
async def test_under_the_uuid_of_an_event_set_aside_another_event_does_not_act_and_the_same_one_does(
    database: Database, pool: asyncpg.Pool, other: ImportEvent
) -> None:
    first = event("e1", "00u1", KIM)
    assert await deliver(database, first) == {Effect.UNMATCHED: 1}
    kim, jessie = await add_person(pool, KIM, "x"), await add_person(pool, "jessie@example.com", "x")
    assert await deliver(database, other) == {}
    assert [await state_of(pool, person) for person in (kim, jessie)] == ["waiting", "waiting"]
    assert await deliver(database, first) == {Effect.MIGRATED: 1}
    assert [await state_of(pool, person) for person in (kim, jessie)] == ["migrated", "waiting"]


async def test_an_account_deleted_between_the_two_looks_makes_the_slice_begin_again(
    database: Database, pool: asyncpg.Pool, after_first_look: Callable[..., list[bool]]
) -> None:
    # The account has the Okta id, so no lock is needed at first; an unmatched event needs the shared one.
    await add_person(pool, KIM, okta_id="00u1")

    async def delete() -> None:
        await pool.execute("DELETE FROM accounts")

    looks = after_first_look(delete)
    assert await deliver(database, event("e1", "00u1", KIM)) == {Effect.UNMATCHED: 1}
    assert looks == [False, True, False, True]
    assert await recorded(pool) == {"e1": "unmatched"}


async def test_an_account_unbound_between_the_two_looks_makes_the_slice_begin_again(
    database: Database, pool: asyncpg.Pool, after_first_look: Callable[..., list[bool]]
) -> None:
    await add_person(pool, KIM, okta_id="00u1")

    async def replace_it() -> None:
        await pool.execute("DELETE FROM accounts")
        await add_person(pool, KIM)

    looks = after_first_look(replace_it)
    assert await deliver(database, event("e1", "00u1", KIM, "FAILURE")) == {Effect.KEPT: 1}
    assert looks == [False, True, False, True]
    assert await pool.fetchval("SELECT okta_id FROM accounts") == "00u1"


async def test_an_account_bound_between_the_two_looks_is_seen_as_it_is(
    database: Database, pool: asyncpg.Pool, after_first_look: Callable[..., list[bool]]
) -> None:
    kim = await add_person(pool, KIM, "x")

    async def bind() -> None:
        await pool.execute("UPDATE accounts SET okta_id = '00u9'")

    after_first_look(bind)
    assert await deliver(database, event("e1", "00u1", KIM)) == {Effect.MISMATCH: 1}
    assert (await state_of(pool, kim), await hashes_of(pool, kim)) == ("waiting", 1)


async def test_a_slice_that_never_gets_through_is_given_up_after_its_tries_and_nothing_is_written(
    database: Database, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    kim = await add_person(pool, KIM, "x")
    tried = 0

    async def collide(*_: object) -> bool:
        nonlocal tried
        tried += 1
        return False

    monkeypatch.setattr(queries, "record_events", collide)
    with pytest.raises(asyncpg.SerializationError):
        await deliver(database, event("e1", "00u1", KIM))
    assert (tried, await state_of(pool, kim), await hashes_of(pool, kim)) == (TRIES, "waiting", 1)


async def test_the_accounts_of_a_slice_are_held_from_the_look_to_the_commit(
    database: Database, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add_person(pool, KIM, "x", okta_id="00u1")
    record, writing = queries.record_events, asyncio.Event()
    binding: list[asyncio.Task[Any]] = []

    async def record_while_somebody_binds(*arguments: Any) -> bool:
        other = asyncio.create_task(pool.execute("UPDATE accounts SET okta_id = '00u7'"))
        binding.append(other)
        assert await until_blocked_or_done(pool, other)
        writing.set()
        return await record(*arguments)

    monkeypatch.setattr(queries, "record_events", record_while_somebody_binds)
    assert await deliver(database, event("e1", "00u1", KIM, "FAILURE")) == {Effect.KEPT: 1}
    assert writing.is_set()
    await asyncio.gather(*binding)


async def test_a_success_that_means_nobody_waits_for_a_load_that_has_looked_for_it_already(
    database: Database, pool: asyncpg.Pool
) -> None:
    async with transaction(pool) as loading:
        await queries.acquire_binding_lock(loading, BindingLock.EXCLUSIVE)
        account_id = await loading.fetchval(
            "INSERT INTO accounts (login, login_key, state) VALUES ($1, $1, 'unarmed') RETURNING id", KIM
        )
        assert await apply_unmatched(loading, [account_id], ForgetWhen.SUCCESS) == {}
        delivering = asyncio.create_task(deliver(database, event("e1", "00u1", KIM)))
        await until_blocked_or_done(pool, delivering)
    assert await delivering == {Effect.MIGRATED: 1}
    assert await recorded(pool) == {"e1": "migrated"}


async def test_a_success_under_an_okta_id_that_is_just_being_bound_finds_its_account(
    database: Database, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    kim = await add_person(pool, KIM, "x")
    apply, delivered = import_events_record.apply_unmatched, list[Effects]()

    async def apply_before_a_success(connection: asyncpg.Connection, *arguments: Any) -> object:
        effects = await apply(connection, *arguments)
        if not delivered and arguments[0]:
            monkeypatch.setattr(import_events_record, "apply_unmatched", apply)
            other = asyncio.create_task(deliver(database, event("e2", "00u1", "renamed@example.com")))
            delivered.append({})
            await until_blocked_or_done(pool, other)
            others.append(other)
        return effects

    others: list[asyncio.Task[Effects]] = []
    monkeypatch.setattr(import_events_record, "apply_unmatched", apply_before_a_success)
    assert await deliver(database, event("e1", "00u1", KIM, "FAILURE")) == {Effect.KEPT: 1}
    assert [await other for other in others] == [{Effect.MIGRATED: 1}]
    assert (await state_of(pool, kim), await hashes_of(pool, kim)) == ("migrated", 0)


async def test_a_binding_applies_the_success_that_was_set_aside_under_the_okta_id(
    database: Database, pool: asyncpg.Pool
) -> None:
    kim = await add_person(pool, KIM, "x")
    assert await deliver(database, event("e1", "00u1", "renamed@example.com")) == {Effect.UNMATCHED: 1}
    effects = await deliver(database, event("e2", "00u1", KIM, "FAILURE"))
    assert effects == {Effect.KEPT: 1, Effect.MIGRATED: 1}
    assert (await state_of(pool, kim), await hashes_of(pool, kim)) == ("migrated", 0)


async def load(database: Database, *logins: str, forget_when: ForgetWhen = ForgetWhen.SUCCESS) -> Effects:
    """Do what a load does: add accounts, and apply the events that arrived before them."""
    async with database.transaction() as connection:
        await queries.acquire_binding_lock(connection, BindingLock.EXCLUSIVE)
        ids = [
            await connection.fetchval(
                "INSERT INTO accounts (login, login_key, state) VALUES ($1, $2, 'unarmed') RETURNING id",
                login, login_key(login),
            )
            for login in logins
        ]  # fmt: skip
        return dict(await apply_unmatched(connection, ids, forget_when))


async def test_events_set_aside_are_applied_until_nothing_is_left(database: Database, pool: asyncpg.Pool) -> None:
    # The first binds the account to the id under which the second, and only the second, is unmatched.
    await deliver(database, event("e1", "00u1", KIM, "FAILURE"), event("e2", "00u1", "renamed@example.com"))
    assert await load(database, KIM) == {Effect.KEPT: 1, Effect.MIGRATED: 1}
    assert await recorded(pool) == {"e1": "kept", "e2": "migrated"}


async def test_an_event_set_aside_with_a_login_only_never_means_an_account_with_an_okta_id(
    database: Database, pool: asyncpg.Pool
) -> None:
    await deliver(database, event("e1", None, KIM))
    kim = await add_person(pool, KIM, "x", okta_id="00u1")
    async with database.transaction() as connection:
        await queries.acquire_binding_lock(connection, BindingLock.EXCLUSIVE)
        assert await apply_unmatched(connection, [kim.id], ForgetWhen.SUCCESS) == {}
    assert (await state_of(pool, kim), await recorded(pool)) == ("waiting", {"e1": "unmatched"})


async def test_an_event_set_aside_that_means_one_account_by_id_and_another_by_login_is_applied_once(
    database: Database, pool: asyncpg.Pool
) -> None:
    await deliver(database, event("e1", "00u1", KIM))
    kim = await add_person(pool, KIM)
    jessie = await add_person(pool, "jessie@example.com", okta_id="00u1")
    async with database.transaction() as connection:
        await queries.acquire_binding_lock(connection, BindingLock.EXCLUSIVE)
        effects = await apply_unmatched(connection, [kim.id, jessie.id], ForgetWhen.SUCCESS)
    assert effects == {Effect.MIGRATED: 1}
    assert [await state_of(pool, person) for person in (kim, jessie)] == ["unarmed", "migrated"]


async def test_events_set_aside_are_applied_in_the_order_of_published(database: Database, pool: asyncpg.Pool) -> None:
    later = ImportEvent("a", "00u2", KIM, "FAILURE", None, NOON, None)
    earlier = ImportEvent("b", "00u1", KIM, "FAILURE", None, NOON.replace(hour=11), None)
    await deliver(database, earlier, later)
    await load(database, KIM)
    assert await pool.fetchval("SELECT okta_id FROM accounts") == "00u1"
    assert await recorded(pool) == {"b": "kept", "a": "mismatch"}


async def test_of_an_event_the_delivery_and_the_transaction_are_kept_and_are_in_the_audit_trail(
    database: Database, pool: asyncpg.Pool
) -> None:
    kim = await add_person(pool, "Kím@Example.com", "x")
    await deliver(database, ImportEvent("e1", "00u1", "Kím@Example.com", "SUCCESS", "why", NOON, "transaction"))
    row = await pool.fetchrow(
        "SELECT delivery_id, login_key, reason, published, transaction_id, channel, account_id FROM import_events"
    )
    assert row is not None
    assert tuple(row) == ("delivery", KIM, "why", NOON, "transaction", "hook", kim.id)
    row = await pool.fetchrow("SELECT action, reason, account_id, event_id, request_id FROM audit")
    assert row is not None
    assert tuple(row) == ("forgotten", "SUCCESS e1", kim.id, "delivery", "transaction")


async def test_a_retired_account_keeps_the_time_of_its_retirement_when_a_success_comes_late(
    database: Database, pool: asyncpg.Pool
) -> None:
    kim = await add_person(pool, KIM, okta_id="00u1")
    await pool.execute("UPDATE accounts SET state = 'retired', forgotten_at = $1, proof = 'retired'", NOON)
    assert await deliver(database, event("e1", "00u1", KIM)) == {Effect.MIGRATED: 1}
    row = await pool.fetchrow("SELECT state, forgotten_at, proof FROM accounts WHERE id = $1", kim.id)
    assert row is not None
    assert tuple(row) == ("migrated", NOON, "e1")


async def test_a_success_that_matches_by_login_binds_the_account_and_deletes_its_hash(
    database: Database, pool: asyncpg.Pool
) -> None:
    kim = await add_person(pool, KIM, "x")
    assert await deliver(database, event("one", "00u1", KIM)) == {Effect.MIGRATED: 1}
    assert await hashes_of(pool, kim) == 0
    assert [tuple(row) for row in await pool.fetch("SELECT okta_id, state FROM accounts")] == [("00u1", "migrated")]


async def test_an_account_that_a_success_binds_has_no_login_that_okta_gave_to_another_user(
    database: Database, pool: asyncpg.Pool
) -> None:
    await add_person(pool, "ada@example.com", "x", okta_id="00u9")
    await add_person(pool, KIM, "x")
    async with transaction(pool) as connection:
        await keep_okta_logins(connection, [ReadLogin("00u9", KIM, NOON)])
    assert await deliver(database, event("one", "00u1", KIM)) == {Effect.MIGRATED: 1}
    superseded = await pool.fetch("SELECT login, superseded FROM accounts ORDER BY login")
    assert [tuple(row) for row in superseded] == [("ada@example.com", False), (KIM, True)]

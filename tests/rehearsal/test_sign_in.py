"""Invented people sign in like others until they expire, and no other feature finds them."""

from datetime import timedelta

import asyncpg
import pytest
from aiohttp.test_utils import TestClient, TestServer

from service.administration.status import report_progress
from service.app import make_admin_app
from service.hashing.pool import Overloaded
from service.okta.hooks import HookKind, sign_in_payload
from service.signin.verify import prepare
from service.store import leases, recipes, rehearsals
from service.store.database import Database
from service.store.name_report import report_names
from service.store.rehearsals import RehearsalPerson
from service.web.parts import Parts
from tests.people import plain
from tests.service_fixtures import Add, Client

LOGIN = "person-1@test.rehearsal.invalid"
PASSWORD = "invented"
MINUTE = timedelta(minutes=1)


async def put(pool: asyncpg.Pool, life: timedelta = MINUTE, *, held: bool = True) -> None:
    async with pool.acquire() as proxy, proxy.transaction():
        connection = plain(proxy)
        (recipe,) = await rehearsals.mix(connection)
        await rehearsals.add(connection, [RehearsalPerson(LOGIN, PASSWORD, recipe)], life)
        if held:
            await leases.acquire(connection, leases.REHEARSE, "a rehearsal", MINUTE)


async def ask(client: Client, password: str = PASSWORD, login: str = LOGIN) -> str:
    payload = sign_in_payload(login, password, "198.18.0.1")
    response = await client.post(HookKind.PASSWORD_IMPORT.path, json=payload)
    assert response.status == 200
    verdict: str = (await response.json())["commands"][0]["value"]["credential"]
    return verdict


async def test_the_right_password_is_verified_and_others_are_not(client: Client, pool: asyncpg.Pool, add: Add) -> None:
    await add("real@example.com", "secret")
    await put(pool)
    assert await ask(client) == "VERIFIED"
    assert await ask(client, login=LOGIN.upper()) == "VERIFIED"
    for password in ("invented0", "Invented", "secret"):
        assert await ask(client, password) == "UNVERIFIED"
    assert await ask(client, login="person-2@test.rehearsal.invalid") == "UNVERIFIED"
    assert await ask(client, "secret", "real@example.com") == "VERIFIED"
    assert await pool.fetchval("SELECT sign_ins FROM rehearsal_people") == 5


async def test_where_the_pool_has_no_room_they_are_refused_as_others_are(
    client: Client, parts: Parts, pool: asyncpg.Pool, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add("real@example.com", "secret")
    await put(pool)

    def full(*_: object, **__: object) -> None:
        raise Overloaded(1.0)

    monkeypatch.setattr(parts.verifier.pool, "require_room", full)
    payload = sign_in_payload(LOGIN, PASSWORD, "198.18.0.1")
    assert (await client.post(HookKind.PASSWORD_IMPORT.path, json=payload)).status == 429
    assert await pool.fetchval("SELECT sign_ins FROM rehearsal_people") == 0


async def test_after_the_end_nobody_signs_in(client: Client, pool: asyncpg.Pool, add: Add) -> None:
    await add("real@example.com", "secret")
    await put(pool, -timedelta(seconds=1))
    assert await ask(client) == "UNVERIFIED"


async def test_an_account_with_such_a_login_is_an_account(client: Client, add: Add) -> None:
    await add(LOGIN, "secret")
    assert await ask(client, "secret") == "VERIFIED"


async def test_nothing_else_knows_them(
    client: Client, parts: Parts, database: Database, pool: asyncpg.Pool, add: Add
) -> None:
    await add("real@example.com", "secret")
    async with database.connection() as connection:
        names = await report_names(connection)
        before = await report_progress(connection, names=names), await recipes.list_recipes(connection)
    await put(pool)
    assert await ask(client) == "VERIFIED"
    await ask(client, "wrong")
    async with database.connection() as connection:
        assert (await report_progress(connection, names=names), await recipes.list_recipes(connection)) == before
    assert parts.verifier.unknown_logins.listed() == []
    metrics = parts.telemetry.exposition().decode()
    assert 'password_import_sign_ins_total{outcome="rehearsal"} 2.0' in metrics
    assert await pool.fetchval("SELECT count(*) FROM failures") == 0


async def test_they_do_not_make_a_service_ready(client: Client, pool: asyncpg.Pool, add: Add) -> None:
    person = await add("real@example.com", "secret")
    await put(pool)
    await pool.execute("DELETE FROM hashes")
    await pool.execute("DELETE FROM accounts WHERE id = $1", person.id)
    assert (await client.get("/readyz")).status == 503


async def test_the_trail_names_the_rehearsal(client: Client, parts: Parts, pool: asyncpg.Pool, add: Add) -> None:
    await add("real@example.com", "secret")
    await put(pool)
    await ask(client)
    rows = await pool.fetch("SELECT action, reason, account_id FROM audit WHERE action = 'verified'")
    assert [tuple(row) for row in rows] == [("verified", "rehearsal", None)]


@pytest.mark.parametrize("held, left", [(True, 1), (False, 0)])
async def test_a_start_removes_those_of_a_rehearsal_that_runs_no_more(
    parts: Parts, pool: asyncpg.Pool, add: Add, held: bool, left: int
) -> None:
    await add("real@example.com", "secret")
    await put(pool, held=held)
    await prepare(parts.verifier)
    assert await pool.fetchval("SELECT count(*) FROM rehearsal_people") == left


@pytest.mark.parametrize("login", ["person@example.com", "person@rehearsal.invalid.example.com", LOGIN + " "])
async def test_the_schema_takes_no_other_login(pool: asyncpg.Pool, add: Add, login: str) -> None:
    await add("real@example.com", "secret")
    with pytest.raises(asyncpg.CheckViolationError):
        await pool.execute("INSERT INTO rehearsal_people SELECT $1, sha256('x'), id, now() FROM recipes LIMIT 1", login)


async def test_a_store_without_their_table_starts_all_the_same(parts: Parts, pool: asyncpg.Pool, add: Add) -> None:
    await add("real@example.com", "secret")
    await pool.execute("DROP TABLE rehearsal_people")
    await prepare(parts.verifier)
    assert parts.verifier.dummy_hashes is not None


async def test_the_status_says_which_bcrypt_runs_and_why(parts: Parts) -> None:
    async with TestClient(TestServer(make_admin_app(parts))) as operator:
        bcrypt = (await (await operator.get("/status.json")).json())["bcrypt"]
    assert bcrypt["implementation"] in ("package", "libxcrypt", "interleaved")
    assert bcrypt["reason"]

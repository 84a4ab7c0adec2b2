"""The cost of one call: long passwords are wrong without hashing, and hashes too costly together are answered 503."""

import json
from dataclasses import replace

import asyncpg
import pytest

from service.administration.status import name_stuck, report_progress
from service.hashing.format import Recipe, StoredHash
from service.hashing.pool import HashingPool
from service.hashing.pool.job import Job
from service.signin.readiness import what_is_missing
from service.store.database import Database
from service.store.name_report import report_names
from service.stored_hashes import HashOpener, MissingPepper
from service.web.parts import Parts
from tests.people import add_hash, plain
from tests.service_fixtures import Add, Client

PHPASS = "$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0"
BCRYPT = "$2b$%02d$abcdefghijklmnopqrstuuOnA5Ur8fKuy3VTcScDQ2vqfKBcEnQpK"
LOGIN = "jessie@example.com"


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the cost of each check that a pool was asked to run."""
    costs: list[str] = []
    submit = HashingPool._submit

    async def noted(self: HashingPool, job: Job, deadline: float) -> bool:
        costs.extend(check.cost for check in job.checks)
        return await submit(self, job, deadline)

    monkeypatch.setattr(HashingPool, "_submit", noted)
    return costs


async def ask(client: Client, login: str, password: str) -> tuple[int, str]:
    call = {"data": {"context": {"credential": {"username": login, "password": password}}}}
    async with client.post("/okta/password-import", json=call) as answer:
        body = await answer.json()
        if answer.status == 200:
            return 200, str(body["commands"][0]["value"]["credential"])
        return answer.status, str(body["error"]["code"])


@pytest.mark.parametrize(
    "password, attempts", [("plain", 1), ("it's", 2), ("Tom & <J>", 1), (" blank ", 2), (" it's & \\", 3)]
)
async def test_an_unknown_login_takes_the_attempts_that_a_known_one_would(
    client: Client, add: Add, pool: asyncpg.Pool, parts: Parts, hashed: list[str], password: str, attempts: int
) -> None:
    await add(LOGIN, stored=(BCRYPT % 4).encode(), format_name="wordpress")
    await pool.execute("UPDATE recipes SET dummy_hash = $1", json.dumps({"hash": BCRYPT % 4}))
    await parts.verifier.prepare()
    for login in (LOGIN, "unknown@example.com"):
        hashed.clear()
        assert await ask(client, login, password) == (200, "UNVERIFIED")
        assert hashed == ["bcrypt 4"] * attempts, login


@pytest.mark.parametrize("login", [LOGIN, "unknown@example.com"])
async def test_a_password_beyond_the_limit_of_a_loop_is_wrong_unhashed_and_counted(
    client: Client, add: Add, pool: asyncpg.Pool, parts: Parts, hashed: list[str], login: str
) -> None:
    await add(LOGIN, stored=PHPASS.encode(), format_name="phpass")
    await pool.execute("UPDATE recipes SET dummy_hash = $1", json.dumps({"hash": PHPASS}))
    await parts.verifier.prepare()
    assert await ask(client, login, "x" * 513) == (200, "UNVERIFIED")
    assert hashed == []
    assert await pool.fetchval("SELECT count(*) FROM failures") == 2
    assert await ask(client, login, "x" * 512) == (200, "UNVERIFIED")
    assert hashed == ["phpass md5 11"]


@pytest.mark.parametrize("login", [LOGIN, "unknown@example.com"])
async def test_a_password_beyond_4096_bytes_is_wrong_unhashed_for_every_login(
    client: Client, add: Add, parts: Parts, hashed: list[str], login: str
) -> None:
    await add(LOGIN, "right")
    await parts.verifier.prepare()
    assert await ask(client, login, "é" * 2049) == (200, "UNVERIFIED")
    assert hashed == []
    assert await ask(client, login, "é" * 2048) == (200, "UNVERIFIED")
    assert set(hashed) == {"bcrypt 4"}  # once for each interpretation of the typed password
    assert await ask(client, login, "x" * 8193) == (400, "password_too_long")


async def test_hashes_that_cost_too_much_together_are_503_and_are_listed(
    client: Client, add: Add, pool: asyncpg.Pool, database: Database, hashed: list[str]
) -> None:
    stored = (BCRYPT % 15).encode()
    person = await add(LOGIN, stored=stored, source="one")
    async with pool.acquire() as connection:
        await add_hash(plain(connection), person.id, stored, source="two")
    await pool.execute("UPDATE recipes SET dummy_hash = $1", json.dumps({"hash": BCRYPT % 15}))
    assert await ask(client, LOGIN, "anything") == (503, "unusable_hash")
    assert hashed == []
    async with database.connection() as connection:
        assert (await report_progress(connection, names=await report_names(connection)))["stuck"]["too_costly"] == 1
        assert (await name_stuck(connection))["too_costly"] == [LOGIN]


async def test_a_recipe_that_is_too_costly_is_no_dummy_hash_and_warms_nothing(
    add: Add, parts: Parts, pool: asyncpg.Pool
) -> None:
    await add(LOGIN, "right")
    await pool.execute(
        "INSERT INTO recipes (format, parameters, cost, dummy_hash, hashes_loaded)"
        " VALUES ('werkzeug_scrypt', '{}', 'scrypt N=1048576 r=1 p=1', $1, 100)",
        '{"hash": "scrypt:1048576:1:1$saltsalt$' + "ab" * 64 + '"}',
    )
    await parts.verifier.prepare()
    assert parts.verifier.dummy_hashes is not None
    assert {check.cost for check in parts.verifier.dummy_hashes.checks} == {"bcrypt 4"}


async def test_a_pepper_that_only_deleted_hashes_needed_is_not_missed(
    parts: Parts, add: Add, pool: asyncpg.Pool
) -> None:
    await add(LOGIN, "right")
    await pool.execute(
        "INSERT INTO recipes (format, parameters, cost, dummy_hash, hashes_loaded)"
        """ VALUES ('md5($pass.$pepper)', '{"pepper_env": "GONE"}', 'md5', '{"hash": "x"}', 1)"""
    )
    assert list(await what_is_missing(parts.database, parts.revisions, parts.opener)) == []


async def test_a_pepper_is_never_a_setting_of_the_service(parts: Parts, add: Add, pool: asyncpg.Pool) -> None:
    await add(LOGIN, "right")
    for name in ("HASH_KEYS", "basic_auth_password", "OKTA_CLIENT_TOKEN", "PGPASSWORD"):
        await pool.execute(
            "UPDATE recipes SET parameters = parameters || jsonb_build_object('pepper_env', $1::text)", name
        )
        missing = await what_is_missing(parts.database, parts.revisions, parts.opener)
        assert missing == [f"the pepper {name} is not set, and stored hashes need it"]


@pytest.mark.parametrize("name", ["HASH_KEYS", "hash_keys", "BASIC_AUTH_PASSWORD", "OKTA_CLIENT_TOKEN", "PGPASSWORD"])
def test_a_setting_that_is_set_is_no_pepper_either(name: str) -> None:
    recipe = Recipe("sha256($pepper.$pass)", pepper_env=name)
    opener = HashOpener({name: "a secret of the service", "PEPPER": "pepper"})
    with pytest.raises(MissingPepper):
        opener.with_peppers(StoredHash("", recipe))
    assert opener.with_peppers(StoredHash("", replace(recipe, pepper_env="PEPPER"))).pepper == b"pepper"

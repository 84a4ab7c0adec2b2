"""The scripts of the container: secrets that are created once, and a health check that is correct."""

import asyncio
import base64
import json
import os
import re
import socket
import stat
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
from aiohttp import web

from deploy import healthcheck, make_roles, make_secrets


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a volume, and make the ownership of its files irrelevant, so that root is not needed."""
    monkeypatch.setattr(make_secrets, "SERVICE_UID", os.getuid())
    monkeypatch.setattr(make_secrets, "DATABASE_UID", os.getuid())
    return tmp_path


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir() if path.is_file()}


def fill(folder: Path, **given: str) -> dict[str, dict[str, str]]:
    """Create the secrets and the copies for each container."""
    parts = folder / "parts"
    parts.mkdir(exist_ok=True)
    make_secrets.fill(folder, parts, given)
    return {part.name: contents(part) for part in parts.iterdir()}


def test_secrets_are_random_and_made_once(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    first = fill(folder)
    assert fill(folder) == first
    other = tmp_path_factory.mktemp("other")
    fill(other)
    assert contents(other).keys() == contents(folder).keys()
    assert not set(contents(other).values()) & set(contents(folder).values())


def test_secrets_are_readable_by_their_owner_only(folder: Path) -> None:
    fill(folder)
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o400}


def test_each_container_gets_its_own_secrets_alone(folder: Path) -> None:
    hooks = {"hook_secrets.json", "event_hook_secrets.json", "hook_secret", "event_hook_secret"}
    assert {part: set(files) for part, files in fill(folder).items()} == {
        "postgres": {"postgres_password"},
        "owner": {"pgpass", "service_password", "operator_password"},
        "service": {"pgpass", "hash_keys.json", *hooks},
        "operator": {"pgpass", "hash_keys.json", *hooks},
        "simulator": {"hook_secret", "event_hook_secret", "simulator_token"},
        "rehearsal": {"pgpass", "hash_keys.json", "simulator_token", *hooks},
    }


def test_the_event_hook_has_a_secret_of_its_own_and_hashes_have_a_key(folder: Path) -> None:
    service = fill(folder)["service"]
    assert service["hook_secret"] != service["event_hook_secret"]
    assert {len(base64.b64decode(key)) for key in json.loads(service["hash_keys.json"]).values()} == {32}


def test_given_secrets_are_taken(folder: Path) -> None:
    parts = fill(folder, POSTGRES_PASSWORD="given:pass word", HOOK_SECRETS='["one", "two"]')
    assert parts["postgres"] == {"postgres_password": "given:pass word"}
    assert parts["owner"]["pgpass"] == "*:*:*:password_import:given:pass word\n"
    assert (parts["service"]["hook_secrets.json"], parts["service"]["hook_secret"]) == ('["one", "two"]', "one")


def test_hook_secrets_can_be_changed_later(folder: Path) -> None:
    fill(folder)
    changed = fill(folder, HOOK_SECRETS='["new"]', EVENT_HOOK_SECRETS='["newer"]')
    assert json.loads(changed["service"]["hook_secrets.json"]) == ["new"]
    assert json.loads(changed["operator"]["event_hook_secrets.json"]) == ["newer"]


@pytest.mark.parametrize("given", ["secret", "{}", "[]", "[1]"])
@pytest.mark.parametrize("name", ["HOOK_SECRETS", "EVENT_HOOK_SECRETS"])
def test_hook_secrets_that_are_no_list_are_refused_before_anything_is_made(folder: Path, name: str, given: str) -> None:
    with pytest.raises(SystemExit, match=f"{name} must be a JSON list"):
        fill(folder, **{name: given})
    assert contents(folder) == {}


def test_a_database_password_that_came_too_late_is_refused_and_not_shown(folder: Path) -> None:
    fill(folder, POSTGRES_PASSWORD="first-one")
    before = contents(folder)
    with pytest.raises(SystemExit, match="ALTER ROLE") as refusal:
        fill(folder, POSTGRES_PASSWORD="another-one")
    assert contents(folder) == before
    assert "first-one" not in str(refusal.value)
    assert "another-one" not in str(refusal.value)


@pytest.mark.parametrize("password", ["back\\slash", " around ", "two\nlines"])
def test_a_database_password_that_readers_would_not_agree_on_is_refused(folder: Path, password: str) -> None:
    with pytest.raises(SystemExit, match="POSTGRES_PASSWORD must be"):
        fill(folder, POSTGRES_PASSWORD=password)
    assert contents(folder) == {}


def test_a_run_that_was_killed_half_way_is_finished_by_the_next(folder: Path) -> None:
    first = fill(folder)
    (folder / "parts" / "service" / "pgpass").unlink()
    (folder / "parts" / "service" / "pgpass.new").write_text("half of a li")
    assert fill(folder) == first


async def test_the_users_of_the_database_may_do_what_their_containers_do(
    folder: Path, pool: asyncpg.Pool, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    suffix = uuid.uuid4().hex[:8]
    users = {name: (f"{user}_{suffix}", role) for name, (user, role) in make_roles.USERS.items()}
    monkeypatch.setattr(make_roles, "USERS", users)
    fill(folder)
    for _ in range(2):  # it can be repeated
        await make_roles.make_roles(database_url, folder / "parts" / "owner")
    url = re.sub(r"//[^@]*@", "//", database_url)
    passwords = contents(folder / "parts" / "owner")
    service = await asyncpg.connect(url, user=users["service"][0], password=passwords["service_password"])
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await service.execute("INSERT INTO sources (name) VALUES ('x')")
    await service.execute("DELETE FROM hashes")
    await service.close()
    operator = await asyncpg.connect(url, user=users["operator"][0], password=passwords["operator_password"])
    await operator.execute("INSERT INTO sources (name) VALUES ('x')")
    await operator.close()
    for user, _ in users.values():
        await pool.execute(f"DROP ROLE {user}")


@pytest.fixture
async def role(pool: asyncpg.Pool) -> AsyncIterator[str]:
    """Yield a role of the database whose password is `a:b c`."""
    name = f"reader_{uuid.uuid4().hex}"
    await pool.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'a:b c'")
    yield name
    await pool.execute(f"DROP ROLE {name}")


async def test_the_password_file_opens_the_database(
    folder: Path, role: str, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "pgpass").write_text(make_secrets.pgpass(role, "a:b c"))
    (folder / "pgpass").chmod(0o400)
    monkeypatch.setenv("PGPASSFILE", str(folder / "pgpass"))
    without_password = re.sub(r"//[^@]*@", f"//{role}@", database_url)
    connection = await asyncpg.connect(without_password)
    assert await connection.fetchval("SELECT current_user") == role
    await connection.close()


@pytest.fixture
async def answering(request: pytest.FixtureRequest) -> AsyncIterator[int]:
    """Yield the port of a server whose /healthz answers with the status that the test names."""
    application = web.Application()
    status: int = request.param

    async def healthz(_request: web.Request) -> web.Response:
        return web.Response(status=status)

    application.router.add_get("/healthz", healthz)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield runner.addresses[0][1]
    await runner.cleanup()


@pytest.mark.parametrize("answering, expected", [(200, True), (503, False)], indirect=["answering"])
async def test_a_container_is_healthy_when_healthz_answers_200(answering: int, expected: bool) -> None:
    assert await asyncio.to_thread(healthcheck.lives, answering, tls=False) is expected


@pytest.fixture
def closed_port() -> Iterator[int]:
    with socket.socket() as unheard:  # bound but not listening, so that nobody else gets it meanwhile
        unheard.bind(("127.0.0.1", 0))
        yield unheard.getsockname()[1]


def test_a_container_that_does_not_answer_is_unhealthy(closed_port: int) -> None:
    assert healthcheck.lives(closed_port, tls=False) is False

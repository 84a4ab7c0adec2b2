"""The scripts of the container: secrets that are made once, and a health check that tells the truth."""

import asyncio
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

from deploy import healthcheck, make_secrets


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A volume, and no need to be root to give its files away."""
    monkeypatch.setattr(make_secrets, "SERVICE_UID", os.getuid())
    monkeypatch.setattr(make_secrets, "DATABASE_UID", os.getuid())
    return tmp_path


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_secrets_are_random_and_made_once(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    make_secrets.fill(folder, "", "")
    first = contents(folder)
    make_secrets.fill(folder, "", "")
    assert contents(folder) == first
    other = tmp_path_factory.mktemp("other")
    make_secrets.fill(other, "", "")
    assert contents(other).keys() == first.keys()
    assert not set(contents(other).values()) & set(first.values())


def test_secrets_are_readable_by_their_owner_only(folder: Path) -> None:
    make_secrets.fill(folder, "", "")
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o400}


def test_given_secrets_are_taken(folder: Path) -> None:
    make_secrets.fill(folder, "given:pass word", '["one", "two"]')
    made = contents(folder)
    assert len(made.pop("simulator_token")) > 40
    assert made == {
        "postgres_password": "given:pass word",
        "pgpass": "*:*:*:*:given:pass word\n",
        "hook_secrets.json": '["one", "two"]',
        "hook_secret": "one",
    }


def test_hook_secrets_can_be_changed_later(folder: Path) -> None:
    make_secrets.fill(folder, "", "")
    make_secrets.fill(folder, "", '["new"]')
    assert json.loads(contents(folder)["hook_secrets.json"]) == ["new"]


@pytest.mark.parametrize("given", ["secret", "{}", "[]", "[1]"])
def test_hook_secrets_that_are_no_list_are_refused_before_anything_is_made(folder: Path, given: str) -> None:
    with pytest.raises(SystemExit, match="HOOK_SECRETS must be a JSON list"):
        make_secrets.fill(folder, "", given)
    assert contents(folder) == {}


def test_a_database_password_that_came_too_late_is_refused_and_not_shown(folder: Path) -> None:
    make_secrets.fill(folder, "first-one", "")
    before = contents(folder)
    with pytest.raises(SystemExit, match="ALTER ROLE") as refusal:
        make_secrets.fill(folder, "another-one", "")
    assert contents(folder) == before
    assert "first-one" not in str(refusal.value)
    assert "another-one" not in str(refusal.value)


@pytest.mark.parametrize("password", ["back\\slash", " around ", "two\nlines"])
def test_a_database_password_that_readers_would_not_agree_on_is_refused(folder: Path, password: str) -> None:
    with pytest.raises(SystemExit, match="POSTGRES_PASSWORD must be"):
        make_secrets.fill(folder, password, "")
    assert contents(folder) == {}


def test_a_run_that_was_killed_half_way_is_finished_by_the_next(folder: Path) -> None:
    make_secrets.fill(folder, "", "")
    kept = contents(folder)["postgres_password"]
    (folder / "pgpass").unlink()
    (folder / "pgpass.new").write_text("half of a li")
    make_secrets.fill(folder, "", "")
    assert contents(folder)["pgpass"].strip().endswith(kept)
    assert not (folder / "pgpass.new").exists()


@pytest.fixture
async def role(pool: asyncpg.Pool) -> AsyncIterator[str]:
    """A role of the database whose password is `a:b c`."""
    name = f"reader_{uuid.uuid4().hex}"
    await pool.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'a:b c'")
    yield name
    await pool.execute(f"DROP ROLE {name}")


async def test_the_password_file_opens_the_database(
    folder: Path, role: str, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_secrets.fill(folder, "a:b c", "")
    monkeypatch.setenv("PGPASSFILE", str(folder / "pgpass"))
    without_password = re.sub(r"//[^@]*@", f"//{role}@", database_url)
    connection = await asyncpg.connect(without_password)
    assert await connection.fetchval("SELECT current_user") == role
    await connection.close()


@pytest.fixture
async def answering(request: pytest.FixtureRequest) -> AsyncIterator[int]:
    """The port of a server whose /healthz answers with the status that the test names."""
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
    with socket.socket() as unheard:  # bound and not listening: nobody else gets it meanwhile
        unheard.bind(("127.0.0.1", 0))
        yield unheard.getsockname()[1]


def test_a_container_that_does_not_answer_is_unhealthy(closed_port: int) -> None:
    assert healthcheck.lives(closed_port, tls=False) is False

"""The command `rehearse` against a running service: its output, and that nothing of it remains."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg
import pytest

from service.signin.verify import prepare
from service.web.parts import Parts
from tests.service_fixtures import PASSWORD, USER, Add, Client

Start = Callable[..., Awaitable[Process]]


@pytest.fixture
def start(client: Client, database_url: str, tmp_path: Path) -> Start:
    async def begin(*options: str, url: str = "", **more: str) -> Process:
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "DATABASE_URL": database_url,
            "BASIC_AUTH_USER": USER,
            "BASIC_AUTH_PASSWORD": PASSWORD,
        }
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "service", "rehearse", url or str(client.make_url("/")), *options),
            env=environment | more,
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    return begin


async def people(pool: asyncpg.Pool) -> int:
    number: int = await pool.fetchval("SELECT count(*) FROM rehearsal_people")
    return number


async def signing_in(pool: asyncpg.Pool) -> None:
    while not await pool.fetchval("SELECT sum(sign_ins) > 3 FROM rehearsal_people"):  # noqa: ASYNC110 (others write)
        await asyncio.sleep(0.02)


async def test_a_rehearsal_tells_what_became_of_it_and_leaves_nobody(
    start: Start, pool: asyncpg.Pool, add: Add
) -> None:
    await add("real@example.com", "secret")
    process = await start("--rate", "20/s", "--for", "2s", "--wrong", "50%", "--json")
    out, err = await process.communicate()
    found = json.loads(out)
    assert found["in_time"] == found["sign_ins"] > 0, (found, err)
    assert process.returncode == 0
    assert found["p99_seconds"] < 3
    assert found["core_seconds"] > 0
    assert found["cores_needed"] >= 1
    assert b"invented people" in err
    assert await people(pool) == 0


async def test_a_person_reads_it_as_lines(start: Start, add: Add) -> None:
    await add("real@example.com", "secret")
    out, _ = await (await start("--rate", "10/s", "--for", "1s")).communicate()
    assert "answered in time" in out.decode()
    assert "Okta waits 3 s" in out.decode()
    assert "cores: 10/s occupy" in out.decode()


async def test_what_a_killed_rehearsal_left_is_removed_at_the_next_start_of_the_service(
    start: Start, parts: Parts, pool: asyncpg.Pool, add: Add
) -> None:
    await add("real@example.com", "secret")
    process = await start("--rate", "20/s", "--for", "10m")
    await signing_in(pool)
    process.kill()
    await process.wait()
    assert await people(pool) > 0
    await pool.execute("UPDATE leases SET expires_at = now() - interval '1 second'")  # as if half a minute had passed
    await prepare(parts.verifier)
    assert await people(pool) == 0


async def test_what_a_killed_rehearsal_left_is_removed_at_the_next_rehearsal(
    start: Start, pool: asyncpg.Pool, add: Add
) -> None:
    await add("real@example.com", "secret")
    process = await start("--rate", "20/s", "--for", "10m")
    await signing_in(pool)
    process.kill()
    await process.wait()
    await pool.execute("UPDATE leases SET expires_at = now() - interval '1 second'")
    again = await start("--rate", "5/s", "--for", "1s")
    await again.communicate()
    assert again.returncode == 0
    assert await people(pool) == 0


@pytest.mark.parametrize("name", [signal.SIGTERM, signal.SIGINT])
async def test_a_rehearsal_that_is_stopped_removes_its_people(
    start: Start, pool: asyncpg.Pool, add: Add, name: signal.Signals
) -> None:
    await add("real@example.com", "secret")
    process = await start("--rate", "20/s", "--for", "10m")
    await signing_in(pool)
    process.send_signal(name)
    _, err = await process.communicate()
    assert b"stopped" in err
    assert b"Traceback" not in err
    assert process.returncode != 0
    assert await people(pool) == 0


@pytest.mark.parametrize(
    "options, more, word",
    [
        ((), {"BASIC_AUTH_PASSWORD": "another-secret"}, "answered 401: set the secret"),
        (("--rate", "0/s"), {}, "40/s or 300/m"),
        (("--rate", "4e9"), {}, "40/s or 300/m"),
        (("--for", "5"), {}, "90s, 5m or 1h"),
        (("--wrong", "200%"), {}, "percentage"),
    ],
)
async def test_what_is_wrong_is_said_and_nobody_stays(
    start: Start, pool: asyncpg.Pool, add: Add, options: tuple[str, ...], more: dict[str, str], word: str
) -> None:
    await add("real@example.com", "secret")
    process = await start(*options, **more)
    out, err = await process.communicate()
    assert process.returncode in (1, 2)
    assert word in " ".join((out + err).decode().replace("│", " ").split())
    assert b"Traceback" not in err
    assert await people(pool) == 0


@pytest.mark.parametrize(
    "url", ["ftp://example.com", "https://user@example.com", "example.com", "http://[::1", "https://:99999"]
)
async def test_an_address_that_is_none_is_refused(start: Start, url: str) -> None:
    process = await start(url=url)
    _, err = await process.communicate()
    assert process.returncode == 2
    assert b"Traceback" not in err


async def test_a_service_that_does_not_answer_is_named(start: Start, pool: asyncpg.Pool, add: Add) -> None:
    await add("real@example.com", "secret")
    _, err = await (process := await start(url="http://127.0.0.1:9")).communicate()
    assert process.returncode == 1
    assert b"is the URL right" in err
    assert await people(pool) == 0


async def test_an_empty_store_has_nothing_to_rehearse(start: Start) -> None:
    _, err = await (process := await start()).communicate()
    assert process.returncode == 1
    assert b"load accounts first" in err

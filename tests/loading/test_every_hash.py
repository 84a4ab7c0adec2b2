"""Every hash of another implementation, loaded with the command line as an operator would, and verified over HTTP.

The row has the columns of the vector; its format is named if the hash does not identify it.
"""

import asyncio
import csv
import json
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from unittest import mock

import asyncpg
import pytest
from aiohttp.test_utils import TestClient, TestServer

from service.app import make_app, make_parts
from service.hashing import registry
from service.store.database import Database
from service.web.server import CONNECTIONS
from tests.hashing.vectors import ALL, FORMAT_OF, MORE
from tests.loading.loader import Loader, command, contents
from tests.people import sign_in
from tests.service_fixtures import AUTHORIZATION, PASSWORD, USER, Client, settings_of

COLUMNS = (
    "salt",
    "username",
    "iterations",
    "charset",
    "salt_encoding",
    "digest",
    "dklen",
    "signer_key",
    "salt_separator",
    "rounds",
    "mem_cost",
    "n",
    "r",
    "p",
)
JSON = {"Content-Type": "application/json"}
AT_ONCE = 2
"""More would only wait for each other."""
TRIES = 100
BUSY = "busy"
MOST_BUSY = len(ALL) // 50
"""On a busy machine the slowest, one in thirty, cannot be answered in time, which is not a verdict."""


def rows() -> dict[int, dict[str, str]]:
    """Return one row per vector, with its number."""
    made = {}
    for number, line in enumerate(ALL):
        row = {"login": f"person{number}@example.com", "password_hash": str(line["hash"])}
        row |= {"format": str(line["format"])} if line in MORE else {k: str(v) for k, v in described(line).items()}
        row |= {name: str(line[name]) for name in COLUMNS if name in line}
        row.pop("pepper_env", None)  # a setting of the source, not of the row
        made[number] = {name: value.partition(" (")[0] if name == "salt" else value for name, value in row.items()}
    return made


def described(line: dict[str, object]) -> dict[str, object]:
    """Return the columns that the hash does not imply."""
    found = registry.candidates(str(line["hash"]))
    return FORMAT_OF.get(str(line["format"]), {"format": found[0].name} if len(found) > 1 else {})


def peppers() -> dict[str, str]:
    return {
        f"PEPPER_{number}": str(line.get("pepper", line.get("site_key")))
        for number, line in enumerate(ALL)
        if "pepper" in line or "site_key" in line
    }


def exports(folder: Path) -> Iterator[tuple[str, Path, int]]:
    """Write an export of each source, with its sources file: one for each pepper, and one for all without."""
    peppered = {number: row for number, row in rows().items() if f"PEPPER_{number}" in peppers()}
    sources = [f'[sources.peppered{number}]\npepper_env = "PEPPER_{number}"\n' for number in peppered]
    (folder / "sources.toml").write_text("[sources.vectors]\n" + "".join(sources))
    others = [row for number, row in rows().items() if number not in peppered]
    yield "vectors", write_csv(folder / "vectors.csv", others), len(others)
    for number, row in peppered.items():
        yield f"peppered{number}", write_csv(folder / f"peppered{number}.csv", [row]), 1


def write_csv(path: Path, written: list[dict[str, str]]) -> Path:
    names = sorted({name for row in written for name in row})
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names, restval="")
        writer.writeheader()
        writer.writerows(written)
    return path


@pytest.fixture
async def loaded(tmp_path: Path, database_url: str) -> AsyncIterator[Client]:
    """Yield the service over a store that holds all vectors."""
    given = {"SOURCES": str(tmp_path / "sources.toml"), **peppers()}
    for source, path, number in exports(tmp_path):
        done = await asyncio.to_thread(
            command, "load", str(path), "--source", source, "--json", url=database_url, **given
        )
        assert done.returncode == 0, (done.stdout, done.stderr)
        assert json.loads(done.stdout)["new"] == number
    settings = settings_of(
        database_url=database_url, basic_auth_user=USER, basic_auth_password=PASSWORD, queue_timeout=2.9
    )
    database = Database(database_url, connections=8)
    await database.open()
    with mock.patch.dict(os.environ, peppers()):
        async with make_parts(settings, database) as parts:
            server = TestServer(make_app(parts))
            await server.start_server(**CONNECTIONS)
            async with TestClient(server, headers={"Authorization": AUTHORIZATION}) as client:
                yield client
    await database.close()


async def ask(client: Client, login: str, password: str) -> str:
    """Ask as Okta does, and again if the service is busy."""
    for _ in range(TRIES):
        answer = await client.post("/okta/password-import", data=sign_in(login, password), headers=JSON)
        if answer.status == 200:
            return str((await answer.json())["commands"][0]["value"]["credential"])
        progress = await answer.text()
        if answer.status != 429 and "out_of_time" not in progress:
            return f"{answer.status} {progress}"
        await asyncio.sleep(0.05)
    return BUSY


async def test_every_vector_verifies_its_password_over_http_and_no_other(loaded: Client) -> None:
    turns = asyncio.Semaphore(AT_ONCE)

    async def answers(number: int, line: dict[str, object]) -> tuple[object, str, str]:
        login, password = f"person{number}@example.com", str(line["password"])
        async with turns:
            return line["format"], await ask(loaded, login, "wrong" + password), await ask(loaded, login, password)

    # Okta never asks about an empty password; the formats' own tests do.
    found = await asyncio.gather(*(answers(number, line) for number, line in enumerate(ALL) if line["password"]))
    busy = [each for each in found if BUSY in each]
    assert [each for each in found if each not in busy and each[1:] != ("UNVERIFIED", "VERIFIED")] == []
    assert len(busy) <= MOST_BUSY


async def test_json_lines_mean_the_same_as_csv(loader: Loader, pool: asyncpg.Pool, tmp_path: Path) -> None:
    made = [row for number, row in rows().items() if f"PEPPER_{number}" not in peppers()]
    write_csv(tmp_path / "made.csv", made)
    as_csv = await loader.load((tmp_path / "made.csv").read_bytes())
    held = await contents(pool)
    as_json = await loader.load("".join(json.dumps(row) + "\n" for row in made), name="export.jsonl")
    assert (as_csv.refused, as_json.refused, as_json.rows) == (0, 0, len(made))
    assert as_json.row_outcomes == {"unchanged": len(made)}
    assert await contents(pool) == held

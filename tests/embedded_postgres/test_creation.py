"""The creation of an embedded database, and the handling of an interrupted creation."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from service.settings import Settings
from service.store.connect import OnCreated, database_dsn, require_schema
from service.store.database import SchemaNotReady, connect
from service.store.migrations import ROOT, known_revisions
from tests.embedded_postgres.using import all_gone
from tests.service_fixtures import settings_of

EXPORT = "login,password_hash\njo@example.com,0123456789abcdef0123456789abcdef\n"


def command(data_dir: Path, *arguments: str) -> "subprocess.Popen[str]":
    known = {"DATA_DIR": str(data_dir), "BASIC_AUTH_USER": "okta", "BASIC_AUTH_PASSWORD": "supersecret"}
    ports = {"PORT": "0", "ADMIN_PORT": "0"}
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    return subprocess.Popen(
        [sys.executable, "-m", "service", *arguments],
        cwd=data_dir.parent,
        env=environment | known | ports | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextlib.contextmanager
def ended(process: "subprocess.Popen[str]") -> Iterator["subprocess.Popen[str]"]:
    with process:
        try:
            yield process
        finally:
            process.kill()


def test_a_creation_that_was_killed_counts_as_none_and_load_and_serve_at_once_complete_it(
    data_dir: Path, tmp_path: Path
) -> None:
    """All in one test, since each start of a server is slow."""
    (tmp_path / "people.csv").write_text(EXPORT)
    with ended(command(data_dir, "migrate")) as first:
        while not (data_dir / "postgres/data").exists():
            time.sleep(0.001)
            assert first.poll() is None
        first.send_signal(signal.SIGKILL)
    with pytest.raises(SchemaNotReady, match="there is no database in"):
        asyncio.run(use(settings_of(data_dir=data_dir)))

    serve = command(data_dir, "serve")
    load = command(data_dir, "load", "people.csv", "--source", "shop", "--format", "md5", "--json")
    with ended(serve), ended(load):
        out, told = load.communicate(timeout=300)
        assert (load.returncode, json.loads(out)["new"]) == (0, 1), told
        assert serve.stderr is not None
        events = []
        for line in serve.stderr:
            events.append(json.loads(line))
            if events[-1]["event"] == "listening" and events[-1]["name"] == "admin":
                break
        serve.terminate()
        serve.communicate(timeout=300)
    by_serve = [each["path"] for each in events if each["event"] == "embedded_database_created"]
    by_load = [line.rpartition(" ")[2] for line in told.splitlines() if line.startswith("created")]
    said = f"created an embedded PostgreSQL database in {data_dir}"
    assert (by_serve, told.count(said)) in (([str(data_dir)], 0), ([], 1)), (by_serve, by_load, told)
    assert all_gone(data_dir)


async def use(settings: Settings, *, on_created: OnCreated | None = None) -> None:
    """Use the database as a command does that requires one, or else may create one."""
    async with database_dsn(settings, on_created=on_created) as dsn:
        connection = await connect(dsn)
        try:
            await require_schema(connection, settings)
        finally:
            await connection.close()


async def test_a_command_that_only_uses_a_database_makes_nothing(tmp_path: Path) -> None:
    data_dir = tmp_path / "none"
    with pytest.raises(SchemaNotReady, match=rf"no database in {data_dir} .*password-import migrate.*DATABASE_URL"):
        await use(settings_of(data_dir=data_dir))
    assert not data_dir.exists()


async def test_an_older_schema_is_refused_by_every_command_and_not_upgraded(database_url: str) -> None:
    newest, before = known_revisions()[:2]
    settings = settings_of(database_url=database_url)
    connection = await asyncpg.connect(database_url)
    await connection.execute("UPDATE alembic_version SET version_num = $1", before)
    with pytest.raises(SchemaNotReady, match=rf"revision {before}, and this version needs {newest}: run `password-im"):
        await use(settings, on_created=lambda _folder: None)
    assert await connection.fetchval("SELECT version_num FROM alembic_version") == before
    await connection.close()


async def test_an_empty_database_elsewhere_is_refused(empty_database_url: str) -> None:
    with pytest.raises(
        SchemaNotReady, match=r"the database test_\w+ at .* has no tables that its user may read: run `"
    ):
        await use(settings_of(database_url=empty_database_url))

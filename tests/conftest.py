"""A real PostgreSQL for the tests: one server for all runs, a migrated template, a fresh clone for each test that asks.

Several runs may share the server (pytest-xdist, two terminals): databases have random names, and those left by a killed
run are dropped after an hour. The data folder is kept between runs, and so is the template until the schema changes.
"""

import asyncio
import contextlib
import fcntl
import hashlib
import os
import sys
import threading
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import hypothesis
import pytest
import structlog

from service.embedded_postgres import embedded_sync
from service.store.migrations import ROOT, upgrade

# The same examples in each run, so that a failure can be reproduced and success means the same everywhere; and no
# deadlines, because a busy machine is not a fault. To search further: HYPOTHESIS_PROFILE=searching.
hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None)
hypothesis.settings.register_profile("searching", deadline=None, max_examples=2000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))

DATA_DIR = ROOT / "var" / "test"
UNSAFE = {"fsync": "off", "full_page_writes": "off", "max_connections": "300", "autovacuum": "off"}
"""Safe against every kill, not against power failures. `synchronous_commit` stays on: kill -9 would lose rows."""
STALE_AFTER = 3600
"""Seconds: longer than any run."""
TEMPLATES_KEPT = 10
"""Each change of the schema leaves one behind; a running test run may still clone an older one."""


class Administrator:
    """A connection for creating and dropping databases, with its own event loop: tests may have one or none."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._connection = asyncio.run_coroutine_threadsafe(asyncpg.connect(url), self._loop).result()

    def execute(self, statement: str) -> None:
        asyncio.run_coroutine_threadsafe(self._connection.execute(statement), self._loop).result()

    def databases(self) -> list[str]:
        """Return the names of all databases, the oldest first."""
        query = self._connection.fetch("SELECT datname FROM pg_database ORDER BY oid")
        return [str(row["datname"]) for row in asyncio.run_coroutine_threadsafe(query, self._loop).result()]

    def url_of(self, database: str) -> str:
        return self.url.replace("@/app?", f"@/{database}?")

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._connection.close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@pytest.fixture(autouse=True)
def unconfigured_logging() -> Iterator[None]:
    """Restore what a command that runs in this process changes for the whole process, such as the log level."""
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    yield
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def administrator() -> Iterator[Administrator]:
    """Yield the server of the tests; it stops with the last run that uses it."""
    with embedded_sync(DATA_DIR, server_settings=UNSAFE) as url:
        administrator = Administrator(url)
        _drop_stale(administrator)
        yield administrator
        administrator.close()


@pytest.fixture(scope="session")
def template_database(administrator: Administrator) -> str:
    """Return the name of a migrated database that nothing may connect to."""
    name = f"template_{_schema_digest()}"
    with _locked(DATA_DIR / "template.lock"):
        if name not in administrator.databases():
            made = _new_name()
            administrator.execute(f"CREATE DATABASE {made}")
            upgrade(administrator.url_of(made))
            administrator.execute(f"ALTER DATABASE {made} ALLOW_CONNECTIONS false")
            administrator.execute(f"ALTER DATABASE {made} RENAME TO {name}")
    return name


@pytest.fixture
def database_url(administrator: Administrator, template_database: str) -> Iterator[str]:
    """Yield the URL of a fresh, migrated, empty database."""
    yield from _database(administrator, template_database)


@pytest.fixture
def empty_database_url(administrator: Administrator) -> Iterator[str]:
    """Yield the URL of a fresh database without any schema."""
    yield from _database(administrator, "template1")


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    """Yield a pool on the fresh database."""
    async with asyncpg.create_pool(database_url, min_size=1, max_size=10) as pool:
        yield pool


def _database(administrator: Administrator, template: str) -> Iterator[str]:
    name = _new_name()
    # Copying files is faster here than `wal_log`, the default: 22 and 9 ms to create and drop, compared with 24 and 19.
    administrator.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
    yield administrator.url_of(name)
    with contextlib.suppress(asyncpg.InsufficientPrivilegeError):  # autovacuum is using it: dropped when stale
        administrator.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _new_name() -> str:
    return f"test_{int(time.time())}_{uuid.uuid4().hex}"


def _drop_stale(administrator: Administrator) -> None:
    names = administrator.databases()
    templates = [name for name in names if name.startswith("template_")]
    old = [name for name in names if name.startswith("test_") and int(name.split("_")[1]) < time.time() - STALE_AFTER]
    for name in old + templates[:-TEMPLATES_KEPT]:
        with contextlib.suppress(asyncpg.PostgresError):  # another run was faster, or is still cloning it
            administrator.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _schema_digest() -> str:
    """Return a digest of the template's sources, so that a changed migration creates a new template."""
    files = sorted((ROOT / "migrations").rglob("*.py")) + sorted((ROOT / "service" / "store").glob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield

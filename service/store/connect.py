"""Selection of the database (DATABASE_URL, or the embedded server in DATA_DIR), and the check of its schema.

An embedded database exists once its first migration is complete. `migrate`, `serve` and `load` create it, under one
lock; everything else refuses to begin without it, and creates nothing.

Separate from `service.app`, so that a command that needs only the store does not load the whole service.
"""

import asyncio
import fcntl
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import asyncpg
import structlog

from service.embedded_postgres import cluster_folder, creation_lock, embedded
from service.settings import Settings
from service.store.database import SchemaNotReady, connect, place_of
from service.store.migrations import is_current, known_revisions, schema_revision, upgrade

log = structlog.get_logger()

OnCreated = Callable[[Path], None]
"""Called with the absolute path of an embedded database that was created."""
LOOK_EVERY = 0.05
"""Seconds between attempts at the lock of a database that another process creates."""
MIGRATE = "run `password-import migrate` first"


def log_created(folder: Path) -> None:
    """Log that an embedded database was created."""
    log.info("embedded_database_created", path=str(folder))


def embedded_folder(settings: Settings) -> Path | None:
    """Return the absolute DATA_DIR if `migrate` uses the embedded server; None if a URL is set."""
    return None if settings.migration_database_url or settings.database_url else settings.data_dir.absolute()


@asynccontextmanager
async def database_dsn(settings: Settings, *, on_created: OnCreated | None = None) -> AsyncIterator[str]:
    """Yield the URL of the database; if DATABASE_URL is unset, run the embedded server while it is used.

    With `on_created`, an embedded database without a finished first migration is created. Without it, raises
    `SchemaNotReady`. The schema is for the caller to check (`require_schema`).
    """
    if settings.database_url is not None:
        yield settings.database_url.get_secret_value()
        return
    folder = settings.data_dir.absolute()
    async with AsyncExitStack() as stack:
        if on_created is None:
            if cluster_folder(folder) is None:
                raise SchemaNotReady(_no_database(folder))
            dsn = await stack.enter_async_context(embedded(folder))
        else:
            async with _creating(folder):
                dsn = await stack.enter_async_context(embedded(folder))
                if await _revision(dsn) is None:
                    await asyncio.to_thread(upgrade, dsn)
                    on_created(folder)
        log.info("embedded_database", path=str(folder))
        yield dsn


@asynccontextmanager
async def administration_dsn(settings: Settings) -> AsyncIterator[str]:
    """Yield the URL of the database to migrate: MIGRATION_DATABASE_URL, DATABASE_URL or the embedded one.

    An embedded server is started, and its cluster made where there is none; nothing in it is migrated. Its lock is
    held, so that no other process creates it meanwhile.
    """
    chosen = settings.migration_database_url or settings.database_url
    if chosen is not None:
        yield chosen.get_secret_value()
        return
    folder = settings.data_dir.absolute()
    async with _creating(folder), embedded(folder) as dsn:
        yield dsn


@asynccontextmanager
async def server_dsn(settings: Settings) -> AsyncIterator[str]:
    """Yield a database of the server on which `simulate` creates its own, starting the embedded server if needed."""
    chosen = settings.migration_database_url or settings.database_url
    if chosen is not None:
        yield chosen.get_secret_value()
        return
    async with embedded(settings.data_dir.absolute()) as dsn:
        yield dsn


async def require_schema(connection: asyncpg.Connection, settings: Settings) -> None:
    """Raise `SchemaNotReady` unless the schema is at least as new as this version's."""
    known = known_revisions()
    if await is_current(connection, known):
        return
    revision = await schema_revision(connection)
    if revision is not None:
        raise SchemaNotReady(
            f"{_place(settings)}: the schema is at revision {revision}, and this version needs {known[0]}: {MIGRATE}"
        )
    if settings.database_url is None:
        raise SchemaNotReady(_no_database(settings.data_dir.absolute()))
    raise SchemaNotReady(
        f"{_place(settings)} has no tables that its user may read: {MIGRATE}, or grant it what it needs "
        "(docs/database-roles.md)"
    )


def _place(settings: Settings) -> str:
    if settings.database_url is None:
        return f"the embedded database in {settings.data_dir.absolute()}"
    return place_of(settings.database_url.get_secret_value())


def _no_database(folder: Path) -> str:
    return f"there is no database in {folder} (DATA_DIR): {MIGRATE}, or set DATABASE_URL to a PostgreSQL server"


@asynccontextmanager
async def _creating(folder: Path) -> AsyncIterator[None]:
    """Hold the lock under which an embedded database is created; the kernel releases it when the process ends."""
    with creation_lock(folder) as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:  # asked again, and not waited for in a thread: Ctrl-C must end it
                await asyncio.sleep(LOOK_EVERY)
        yield


async def _revision(dsn: str) -> str | None:
    connection = await connect(dsn)
    try:
        return await schema_revision(connection)
    finally:
        await connection.close()

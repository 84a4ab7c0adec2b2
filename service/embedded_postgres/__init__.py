"""The embedded PostgreSQL, used if DATABASE_URL is unset: a private server under DATA_DIR.

It writes nothing outside DATA_DIR, with one exception: if the path of DATA_DIR is too long for a socket, the socket is
in a folder under the temporary folder, which is removed when the server stops.
"""

import asyncio
import contextlib
import urllib.parse
from collections.abc import AsyncIterator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg

from service.embedded_postgres.binaries import NoPostgres
from service.embedded_postgres.home import PostgresDidNotStart, find_home, open_home
from service.embedded_postgres.server import running

__all__ = ["NoPostgres", "PostgresDidNotStart", "cluster_folder", "creation_lock", "embedded", "embedded_sync"]


def cluster_folder(data_dir: Path) -> Path | None:
    """Return the folder of the server's cluster, or None; creates nothing.

    Raises `PostgresDidNotStart` if it belongs to another user.
    """
    home = find_home(data_dir)
    return home.data if home else None


@contextlib.contextmanager
def creation_lock(data_dir: Path) -> Iterator[int]:
    """Open the file that is locked (`flock`) while a database is created in `data_dir`, and yield its descriptor.

    Creates the folder if it is missing. Raises `PostgresDidNotStart` if that is impossible.
    """
    with open_home(data_dir).opened("create.lock") as descriptor:
        yield descriptor


@contextlib.contextmanager
def embedded_sync(
    data_dir: Path, *, database: str = "app", server_settings: Mapping[str, str] | None = None
) -> Iterator[str]:
    """Use the server of `data_dir` and yield the URL of a database in it, which is created if it is missing.

    The server is started if it is not running (`server_settings` apply only then), and stopped when its last user has
    left or was killed. A server that is killed while in use is restarted.
    Raises `NoPostgres` and `PostgresDidNotStart`.
    """
    home = open_home(data_dir)
    with running(home, server_settings or {}) as server:
        socket, password = urllib.parse.quote(str(server.socket_folder)), home.password()
        if database != "app":
            with ThreadPoolExecutor(1) as thread:
                thread.submit(asyncio.run, _ensure_database(_url(password, "app", socket), database)).result()
        yield _url(password, urllib.parse.quote(database, safe=""), socket)


@contextlib.asynccontextmanager
async def embedded(
    data_dir: Path, *, database: str = "app", server_settings: Mapping[str, str] | None = None
) -> AsyncIterator[str]:
    """Use the server as `embedded_sync` does, without blocking the event loop while it starts and stops."""
    use = embedded_sync(data_dir, database=database, server_settings=server_settings)
    entering = asyncio.ensure_future(asyncio.to_thread(use.__enter__))
    try:
        yield await asyncio.shield(entering)
    finally:
        await asyncio.shield(asyncio.ensure_future(_leave(use, entering)))


async def _leave(use: contextlib.AbstractContextManager[str], entering: asyncio.Future[str]) -> None:
    """Leave only after entering: a cancelled start continues in its thread, and its lock must be released."""
    await asyncio.wait([entering])
    if not entering.cancelled() and entering.exception() is None:
        await asyncio.to_thread(use.__exit__, None, None, None)


def _url(password: str, database: str, socket: str) -> str:
    """Return a URL that names the port, so that PGPORT in the caller's environment has no effect."""
    return f"postgresql://app:{password}@/{database}?host={socket}&port=5432"


async def _ensure_database(url: str, database: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        with contextlib.suppress(asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):
            await connection.execute(f'CREATE DATABASE "{database.replace(chr(34), chr(34) * 2)}"')
    finally:
        await connection.close()

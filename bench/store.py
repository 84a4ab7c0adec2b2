"""A private PostgreSQL for the benchmarks, with stores of invented people for our service and for its peers."""

import asyncio
import base64
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import bcrypt

from service.embedded_postgres import embedded_sync
from service.store.migrations import upgrade

PASSWORD = "correct horse battery staple"
PEER_TABLE = """
CREATE TABLE peer_users AS
    SELECT login_key AS username, convert_from(hash, 'UTF8') AS password_hash
    FROM accounts JOIN hashes ON account_id = id;
ALTER TABLE peer_users ADD PRIMARY KEY (username);
"""
"""The table of the peers: the same people, with one index."""


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """Run a server in `folder` as the service runs its own; yield an administrator's URL."""
    with embedded_sync(folder / "pg", server_settings={"max_connections": "200"}) as url:
        yield url


def login(number: int, domain: str = "example.com") -> str:
    """Return the login of a person."""
    return f"person{number}@{domain}"


def salted_sha256(number: int) -> str:
    """Return a hash of the shared password as directories store it: `{SSHA256}`."""
    salt = number.to_bytes(8, "big")
    return "{SSHA256}" + base64.b64encode(hashlib.sha256(PASSWORD.encode() + salt).digest() + salt).decode()


def bcrypt_hash(cost: int) -> str:
    """Return a hash of the shared password; it can be the same for all, since only the logins have to differ."""
    return bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(cost)).decode()


def make_store(administrator: str, name: str, hashes: dict[str, str], folder: Path) -> str:
    """Create a store of people with these logins and hashes, by `load`; return its URL."""
    execute(administrator, f"CREATE DATABASE {name}")
    url = administrator.replace("@/app?", f"@/{name}?")
    upgrade(url)
    export = folder / f"{name}.csv"
    export.write_text("login,password_hash\n" + "".join(f"{who},{stored}\n" for who, stored in hashes.items()))
    load(url, export)
    execute(url, PEER_TABLE)
    execute(url, "VACUUM ANALYZE")
    return url


def load(url: str, export: Path) -> None:
    """Load an export through the command line."""
    command = [sys.executable, "-m", "service", "load", str(export), "--source", "bench"]
    subprocess.run(command, env={**os.environ, "DATABASE_URL": url}, check=True, capture_output=True)


def execute(url: str, statements: str) -> None:
    """Execute statements."""
    asyncio.run(_with_connection(url, "execute", statements))


def fetchval(url: str, query: str) -> Any:  # noqa: ANN401 (depends on the query)
    """Return the single value of a query."""
    return asyncio.run(_with_connection(url, "fetchval", query))


async def _with_connection(url: str, method: str, statement: str) -> Any:  # noqa: ANN401 (likewise)
    connection = await asyncpg.connect(url)
    try:
        return await getattr(connection, method)(statement)
    finally:
        await connection.close()

"""A fresh database for the story, beside the one in use, so that playing it can't touch anybody's accounts."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from service.accounts.migrations import upgrade
from service.database_url import database_dsn
from service.settings import Settings


@asynccontextmanager
async def fresh_database(settings: Settings) -> AsyncIterator[str]:
    """Make and migrate a database of its own on the server of the settings; drop it afterwards."""
    name = f"story_{secrets.token_hex(4)}"
    async with database_dsn(settings, for_migrations=True) as server:
        await _execute(server, f"CREATE DATABASE {name}")
        try:
            dsn = _renamed(server, name)
            await asyncio.to_thread(upgrade, dsn)
            yield dsn
        finally:
            await _execute(server, f"DROP DATABASE {name} WITH (FORCE)")


def _renamed(dsn: str, database: str) -> str:
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{database}"))


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()

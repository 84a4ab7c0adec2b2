"""Alembic's connection to the database: by the service's settings, with time limits, one migration at a time."""

import asyncio
import functools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from alembic import context
from alembic.runtime.migration import MigrationInfo
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from service.settings import load_settings
from service.store.connect import administration_dsn
from service.store.database import connect
from service.store.schema import metadata

# Give up instead of waiting behind a long transaction: other transactions would wait for our lock meanwhile.
LOCK_TIMEOUT = "5s"
STATEMENT_TIMEOUT = "15min"


@asynccontextmanager
async def _dsn() -> AsyncIterator[str]:
    given = context.config.attributes.get("dsn")
    if given is not None:
        yield str(given)
        return
    async with administration_dsn(load_settings()) as dsn:
        yield dsn


def _migrate(connection: Connection) -> None:
    on_step = context.config.attributes.get("on_step")

    def tell(step: MigrationInfo, **_: Any) -> None:
        if on_step is not None:
            on_step(str(step.up_revision_id))

    context.configure(
        connection=connection,
        target_metadata=metadata,
        on_version_apply=tell,  # type: ignore[arg-type]  # Alembic calls it with keywords
    )
    with context.begin_transaction():
        connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
        connection.execute(text(f"SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT}'"))
        # Two concurrent migrations would both see the old version; this lock is held until the transaction ends.
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('password-import migrations'))"))
        context.run_migrations()


async def _run() -> None:
    async with _dsn() as dsn:
        connecting = functools.partial(connect, dsn, statement_cache_size=0)
        engine = create_async_engine("postgresql+asyncpg://", async_creator=connecting, poolclass=NullPool)
        async with engine.connect() as connection:
            await connection.run_sync(_migrate)
            await connection.commit()
        await engine.dispose()


if context.is_offline_mode():
    context.configure(dialect_name="postgresql", target_metadata=metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    asyncio.run(_run())

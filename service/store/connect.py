"""Selection of the database: DATABASE_URL, or the embedded server.

Separate from `service.app`, so that a command that needs only the store does not load the whole service.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from service.embedded_postgres import embedded
from service.settings import Settings

log = structlog.get_logger()


@asynccontextmanager
async def database_dsn(settings: Settings, *, for_migrations: bool = False) -> AsyncIterator[str]:
    """Yield the URL of the database; if none is set, run the embedded server while it is used."""
    chosen = (settings.migration_database_url if for_migrations else None) or settings.database_url
    if chosen is not None:
        yield chosen.get_secret_value()
        return
    async with embedded(settings.data_dir) as dsn:
        log.info("embedded_database", path=str(settings.data_dir))
        yield dsn

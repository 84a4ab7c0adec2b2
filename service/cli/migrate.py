"""`migrate` brings the schema up to date."""

import asyncio

from service.cli.running import prepare, run


def migrate() -> None:
    """Bring the schema of the database up to date; does nothing where it is.

    Connects with MIGRATION_DATABASE_URL where it is set, else DATABASE_URL, else to the embedded server in DATA_DIR.
    """
    run(_migrate())


async def _migrate() -> None:
    from service.accounts.migrations import upgrade
    from service.database_url import database_dsn

    async with database_dsn(prepare(), for_migrations=True) as dsn:
        await asyncio.to_thread(upgrade, dsn)

"""The command `migrate`: upgrades the schema."""

import asyncio

import typer

from service.cli.okta_options import prepare, run


def migrate() -> None:
    """Bring the schema of the database up to date; does nothing where it is.

    Connects with MIGRATION_DATABASE_URL where it is set, else DATABASE_URL, else to the embedded server in DATA_DIR.
    """
    typer.echo(f"The schema is up to date: revision {run(_migrate())}.")


async def _migrate() -> str:
    from service.store.connect import database_dsn
    from service.store.migrations import known_revisions, upgrade

    async with database_dsn(prepare(), for_migrations=True) as dsn:
        await asyncio.to_thread(upgrade, dsn)
    return known_revisions()[0]

"""The command `migrate`: upgrades the schema."""

import asyncio
from typing import TYPE_CHECKING

import typer

from service.cli.okta_options import prepare, run

if TYPE_CHECKING:
    from service.store.name_report import NameReport


def migrate() -> None:
    """Upgrade the schema of the database to this version.

    Connects with MIGRATION_DATABASE_URL where it is set, else DATABASE_URL, else to the embedded server in DATA_DIR.
    """
    from service.cli.name_report import name_lines

    revision, names = run(_migrate())
    typer.echo(f"The schema is up to date: revision {revision}.")
    for line in name_lines(names):
        typer.echo(line)


async def _migrate() -> "tuple[str, NameReport]":
    from service.store.connect import database_dsn
    from service.store.database import connect
    from service.store.migrations import known_revisions, schema_revision, upgrade
    from service.store.name_report import report_names

    async with database_dsn(prepare(), for_migrations=True) as dsn:
        connection = await connect(dsn)
        try:
            before = await schema_revision(connection)
            await asyncio.to_thread(upgrade, dsn)
            newest = known_revisions()[0]
            # Once, before new code serves: what the names of a store mean may have changed.
            return newest, await report_names(connection) if before not in (None, newest) else {}
        finally:
            await connection.close()

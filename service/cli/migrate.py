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
    from service.cli.name_report import costly_lines, name_lines

    revision, names, costly = run(_migrate())
    typer.echo(f"The schema is up to date: revision {revision}.")
    for line in (*name_lines(names), *costly_lines(*costly)):
        typer.echo(line)


async def _migrate() -> "tuple[str, NameReport, tuple[int, list[str]]]":
    from service.administration.status import too_costly_accounts
    from service.store.connect import database_dsn
    from service.store.database import connect
    from service.store.migrations import known_revisions, schema_revision, upgrade
    from service.store.name_report import count_names

    async with database_dsn(prepare(), for_migrations=True) as dsn:
        connection = await connect(dsn)
        try:
            before = await schema_revision(connection)
            await asyncio.to_thread(upgrade, dsn)
            newest = known_revisions()[0]
            if before in (None, newest):
                return newest, {}, (0, [])
            # Once, before new code serves: what names mean may have changed, and what a check may cost.
            return newest, (await count_names(connection)).report, await too_costly_accounts(connection)
        finally:
            await connection.close()

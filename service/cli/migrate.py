"""The command `migrate`: upgrades the schema."""

import asyncio
import os
import sys
from typing import TYPE_CHECKING

import typer

from service.cli.okta_options import Stopped, prepare, print_created, print_progress, run, until_stopped
from service.cli.progress import show_progress

if TYPE_CHECKING:
    from service.store.name_report import NameReport


def migrate() -> None:
    """Upgrade the schema of the database to this version.

    Connects with MIGRATION_DATABASE_URL, or else DATABASE_URL, or else to the embedded server in DATA_DIR, which is
    created if it does not exist.
    """
    from service.cli.name_report import costly_lines, name_lines

    revision, names, costly = run(_migrate())
    typer.echo(f"The schema is up to date: revision {revision}.")
    for line in (*name_lines(names), *costly_lines(*costly)):
        typer.echo(line)


async def _migrate() -> "tuple[str, NameReport, tuple[int, list[str]]]":
    from service.administration.status import too_costly_accounts
    from service.store.connect import administration_dsn, embedded_folder
    from service.store.database import connect
    from service.store.migrations import known_revisions, schema_revision
    from service.store.name_report import count_names

    settings, newest = prepare(), known_revisions()[0]
    async with administration_dsn(settings) as dsn:
        connection = await connect(dsn)
        try:
            before = await schema_revision(connection)
            await _upgrade(dsn)
            if before is None and (folder := embedded_folder(settings)) is not None:
                print_created(folder)
            if before in (None, newest):
                return newest, {}, (0, [])
            # Once, before new code serves: the rules for names and the cost limits of checks may have changed.
            with show_progress("migrate"):
                return newest, (await count_names(connection)).report, await too_costly_accounts(connection)
        finally:
            await connection.close()


async def _upgrade(dsn: str) -> None:
    from service.store.migrations import known_revisions, upgrade

    revisions = known_revisions()[::-1]
    with show_progress("migrate", "migrations") as shown:

        def on_step(revision: str) -> None:
            shown.update(revisions.index(revision) + 1, len(revisions), note=f"revision {revision} is made")

        try:
            await until_stopped(asyncio.to_thread(upgrade, dsn, on_step))
        except Stopped as stopped:
            print_progress("stopped: the server undoes what was begun, and the schema stays as it was")
            sys.stdout.flush()
            # The thread cannot be stopped sooner. All migrations are one transaction, which ends with its connection.
            os._exit(stopped.code)

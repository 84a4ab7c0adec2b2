"""`status` tells how far the migration is."""

import json
from typing import Annotated

import typer

from service.cli.running import prepare, run


def status(as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a script.")] = False) -> None:
    """Tell how far the migration is: accounts by state, hashes by format, events by what they did."""
    found = run(_status())
    typer.echo(json.dumps(found, indent=None if as_json else 2))


async def _status() -> dict[str, object]:
    from service.actions.migration_status import migration_status
    from service.app import open_database

    async with open_database(prepare()) as database, database.connection() as connection:
        return await migration_status(connection)

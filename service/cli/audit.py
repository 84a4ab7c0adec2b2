"""The command `audit`: the audit trail."""

import json
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.errors import WRONG_USAGE, CommandFailed
from service.cli.okta_options import prepare, run
from service.cli.progress import streamed

if TYPE_CHECKING:
    from service.store.audit import Chosen

audit = typer.Typer(no_args_is_help=True, help="Show the audit trail.")
WHEN = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"]


@audit.command()
def export(
    since: Annotated[
        datetime | None,
        typer.Option(
            metavar="TIME", formats=WHEN, help="Entries from this time on (UTC): 2026-11-22 or 2026-11-22T10:00:00."
        ),
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(metavar="TIME", formats=WHEN, help="Entries before this time (UTC).")
    ] = None,
    code: Annotated[str | None, typer.Option(help="The `reason` in `debugContext` of Okta's System Log.")] = None,
    login: Annotated[str | None, typer.Option(help="Only entries about this account.")] = None,
    action: Annotated[str | None, typer.Option(help="verified, refused, throttled, screened, forgotten, …")] = None,
) -> None:
    """Print the audit trail as JSON Lines, oldest entry first. It contains no password and no hash.

    `--code` finds a sign-in that Okta's System Log shows (`inline_hook.response.processed`).
    """
    from service.store.accounts import login_key
    from service.store.audit import Action, Chosen

    if action is not None and action not in tuple(Action):
        raise CommandFailed(f"--action {action}: must be one of {', '.join(Action)}", WRONG_USAGE)
    run(_export(Chosen(_utc(since), _utc(until), code, login_key(login) if login else None, action)))


def _utc(moment: datetime | None) -> datetime | None:
    from datetime import UTC

    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment


async def _export(chosen: "Chosen") -> None:
    from service.app import open_database
    from service.store.audit import export as entries

    async with open_database(prepare()) as database, database.transaction() as connection:
        async for row in streamed("audit export", "entries", entries(connection, chosen)):
            report = {name: value for name, value in row.items() if value is not None}
            sys.stdout.write(json.dumps(report | {"at": row["at"].isoformat()}) + "\n")

"""`accounts` lists and shows accounts, and has the commands that end them. Never prints a hash."""

import csv
import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.accounts_ending import delete, forget
from service.cli.accounts_meant import OfFormat, OfSource, States, filters_of, require_known
from service.cli.failures import CommandFailed
from service.cli.running import prepare, run

if TYPE_CHECKING:
    from service.accounts.browsing import Filters

accounts = typer.Typer(no_args_is_help=True, help="Look at accounts, forget their hashes, delete them.")
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a script.")]


@accounts.command("list")
def list_(state: States = None, source: OfSource = None, of_format: OfFormat = None, as_json: AsJson = False) -> None:
    """List accounts as CSV, or as JSON Lines, with filters by state, source and format."""
    run(_list(filters_of(state, source, of_format), as_json))


@accounts.command()
def show(name: Annotated[str, typer.Argument(help="A login or another identifier.")], as_json: AsJson = False) -> None:
    """Show all that is known of an account, but for its hashes."""
    found = run(_show(name))
    if not found:
        raise CommandFailed(f"no account has the name {name}")
    for account in found:
        if as_json:
            typer.echo(json.dumps(account, default=str))
        else:
            for key, value in account.items():
                typer.echo(f"{key:>12}  {_plain(value)}")


accounts.command()(forget)
accounts.command()(delete)


async def _list(filters: "Filters", as_json: bool) -> None:
    from service.accounts.browsing import ListedAccount, all_accounts
    from service.app import open_database

    writer = csv.writer(sys.stdout)
    names = list(ListedAccount.__dataclass_fields__)
    async with open_database(prepare()) as database, database.connection() as connection:
        await require_known(connection, filters)
        if not as_json:
            writer.writerow(names)
        async for account in all_accounts(connection, filters):
            if as_json:
                typer.echo(json.dumps(asdict(account), default=str))
            else:
                writer.writerow([_plain(getattr(account, name)) for name in names])


async def _show(name: str) -> list[dict[str, Any]]:
    from service.accounts.browsing import Filters, account_details, list_accounts
    from service.accounts.deleting import ids_named
    from service.accounts.names import login_key
    from service.app import open_database

    async with open_database(prepare()) as database, database.connection() as connection:
        ids = await ids_named(connection, login_key(name))
        listed = await list_accounts(connection, Filters(ids=ids)) if ids else []
        return [asdict(each) | asdict(await account_details(connection, each.id)) for each in listed]


def _plain(value: object) -> str:
    if value is None:
        return ""
    return ";".join(map(str, value)) if isinstance(value, list) else str(value)

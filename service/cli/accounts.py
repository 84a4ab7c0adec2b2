"""`accounts` lists, shows, forgets and deletes accounts. Never prints a hash."""

import csv
import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.failures import WRONG_USAGE, CommandFailed
from service.cli.running import prepare, run

if TYPE_CHECKING:
    import asyncpg

    from service.accounts.browsing import Filters
    from service.accounts.database import Database

accounts = typer.Typer(no_args_is_help=True, help="Look at accounts, forget their hashes, delete them.")

States = Annotated[
    list[str] | None, typer.Option("--state", help="unarmed, waiting, verified, migrated or retired; may be repeated.")
]
OfSource = Annotated[str | None, typer.Option("--source", help="Those that have a hash of this source.")]
OfFormat = Annotated[str | None, typer.Option("--format", help="Those that have a hash of this format or formula.")]
Logins = Annotated[list[str] | None, typer.Argument(metavar="[LOGIN]...", help="Exactly these logins.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a script.")]


@accounts.command("list")
def list_(state: States = None, source: OfSource = None, of_format: OfFormat = None, as_json: AsJson = False) -> None:
    """List accounts as CSV, or as JSON Lines, with filters by state, source and format."""
    run(_list(_filters(state, source, of_format), as_json))


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


@accounts.command()
def forget(
    login: Logins = None, state: States = None, source: OfSource = None, of_format: OfFormat = None, yes: Yes = False
) -> None:
    """Forget the hashes of accounts for good; the accounts stay as tombstones, so no load brings the hashes back."""
    filters = _filters(state, source, of_format)
    number = run(_forget(login or [], filters, yes))
    typer.echo(f"{_accounts(number)} forgotten")


@accounts.command()
def delete(
    login: Logins = None,
    state: States = None,
    source: OfSource = None,
    of_format: OfFormat = None,
    erase: Annotated[
        bool,
        typer.Option("--erase", help="Keep no trace: loading again brings them back. Also for those deleted before."),
    ] = False,
    yes: Yes = False,
) -> None:
    """Delete accounts with their hashes. A keyed digest of the login stays, so that loading again passes them over."""
    filters = _filters(state, source, of_format)
    number, forgiven = run(_delete(login or [], filters, yes, erase))
    typer.echo(f"{_accounts(number)} deleted")
    if forgiven:
        typer.echo(f"{_accounts(forgiven)} deleted before: a load may bring them back now")


async def _list(filters: "Filters", as_json: bool) -> None:
    from service.accounts.browsing import ListedAccount, all_accounts
    from service.app import open_database

    writer = csv.writer(sys.stdout)
    names = list(ListedAccount.__dataclass_fields__)
    async with open_database(prepare()) as database, database.connection() as connection:
        await _require_source(connection, filters)
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


async def _forget(logins: list[str], filters: "Filters", yes: bool) -> int:
    from service.actions.tend_accounts import count_accounts, forget_accounts
    from service.app import open_database

    async with open_database(prepare()) as database:
        filters, unknown = await _meant(database, logins, filters)
        if unknown:
            raise CommandFailed(f"no account has the login {', '.join(unknown)}")
        _confirm(f"Forget the hashes of {_accounts(await count_accounts(database, filters))}, for good?", yes)
        return await forget_accounts(database, filters)


async def _delete(logins: list[str], filters: "Filters", yes: bool, erase: bool) -> tuple[int, int]:
    from service.actions.tend_accounts import count_accounts, delete_accounts, forgive_logins
    from service.app import open_database

    async with open_database(prepare()) as database:
        filters, unknown = await _meant(database, logins, filters)
        if unknown and not erase:
            raise CommandFailed(f"no account has the login {', '.join(unknown)}")
        _confirm(f"Delete {_accounts(await count_accounts(database, filters))}?", yes)
        forgiven = await forgive_logins(database, logins) if erase and logins else 0
        return await delete_accounts(database, filters, erase=erase), forgiven


async def _meant(database: "Database", logins: list[str], filters: "Filters") -> "tuple[Filters, list[str]]":
    from dataclasses import replace

    from service.actions.tend_accounts import find_logins

    async with database.connection() as connection:
        await _require_source(connection, filters)
    if not logins:
        if filters.says_nothing:
            raise CommandFailed("say which accounts: logins, or --state, --source, --format", WRONG_USAGE)
        return filters, []
    ids, unknown = await find_logins(database, logins)
    return replace(filters, ids=ids), unknown


async def _require_source(connection: "asyncpg.Connection", filters: "Filters") -> None:
    from service.accounts.loading.sources import source_names

    if filters.source is not None:
        known = await source_names(connection)
        if filters.source not in known:
            those = f"one of {', '.join(known)}" if known else "nothing was loaded yet"
            raise CommandFailed(f"--source {filters.source}: {those}", WRONG_USAGE)


def _filters(states: list[str] | None, source: str | None, of_format: str | None) -> "Filters":
    from service.accounts.account import State
    from service.accounts.browsing import Filters

    unknown = sorted(set(states or []) - set(State))
    if unknown:
        raise CommandFailed(f"--state {', '.join(unknown)}: one of {', '.join(State)}", WRONG_USAGE)
    return Filters(tuple(State(state) for state in states or []), source, of_format)


def _confirm(question: str, yes: bool) -> None:
    if not yes and not typer.confirm(question, err=True):
        raise CommandFailed("nothing was done")


def _accounts(number: int) -> str:
    return f"{number:,} account{'' if number == 1 else 's'}"


def _plain(value: object) -> str:
    if value is None:
        return ""
    return ";".join(map(str, value)) if isinstance(value, list) else str(value)

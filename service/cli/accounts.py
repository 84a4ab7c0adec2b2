"""The command `accounts`: lists, details, and the deletion of accounts or hashes. Never prints a hash."""

import csv
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from service.cli.errors import DONE, WRONG_USAGE, CommandFailed, plural, printable
from service.cli.okta_options import Stopped, prepare, run, until_stopped
from service.cli.progress import show_progress, streamed

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    import asyncpg

    from service.administration.queries import Filters
    from service.store.database import Database

# The selection of accounts by the options of the commands.

States = Annotated[
    list[str] | None, typer.Option("--state", help="unarmed, waiting, verified, migrated or retired; repeatable.")
]
OfSource = Annotated[str | None, typer.Option("--source", help="Only accounts with a hash of this source.")]
OfFormat = Annotated[str | None, typer.Option("--format", help="Only accounts with a hash of this format or formula.")]


def filters_of(states: list[str] | None, source: str | None, of_format: str | None) -> "Filters":
    """Return the filters given by the options."""
    from service.administration.queries import Filters
    from service.store.accounts import State

    unknown = sorted(set(states or []) - set(State))
    if unknown:
        raise CommandFailed(f"--state {', '.join(unknown)}: one of {', '.join(State)}", WRONG_USAGE)
    return Filters(tuple(State(state) for state in states or []), source, of_format)


async def require_known(connection: "asyncpg.Connection", filters: "Filters") -> None:
    """Reject a source from which nothing was ever loaded, and a format that no hash ever had."""
    from service.loading.staging import source_names
    from service.store.recipes import formats_loaded

    if filters.source is not None:
        _require("--source", filters.source, await source_names(connection))
    if filters.format is not None:
        _require("--format", filters.format, await formats_loaded(connection))


def _require(option: str, given: str, known: list[str]) -> None:
    if given not in known:
        those = f"one of {', '.join(known)}" if known else "nothing was loaded yet"
        raise CommandFailed(f"{option} {given}: {those}", WRONG_USAGE)


async def selected(database: "Database", logins: list[str], filters: "Filters") -> "tuple[Filters, list[str]]":
    """Return the filters with the ids of the given logins, and the logins that no account has."""
    from dataclasses import replace

    from service.administration.accounts import find_logins

    async with database.connection() as connection:
        await require_known(connection, filters)
    if not logins:
        if filters.says_nothing:
            raise CommandFailed("select accounts: logins, or --state, --source, --format", WRONG_USAGE)
        return filters, []
    ids, unknown = await find_logins(database, logins)
    return replace(filters, ids=ids), unknown


# `accounts forget` and `accounts delete`, which ask for confirmation. Never print a hash.

Logins = Annotated[
    list[str] | None, typer.Argument(metavar="[LOGIN]...", help="The accounts with exactly these logins.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")]


def forget(
    login: Logins = None, state: States = None, source: OfSource = None, of_format: OfFormat = None, yes: Yes = False
) -> None:
    """Delete the hashes of accounts permanently; the accounts remain as tombstones, and no load restores the hashes."""
    filters = filters_of(state, source, of_format)
    _counted(run(_forget(login or [], filters, yes)), "forgotten")


def delete(
    login: Logins = None,
    state: States = None,
    source: OfSource = None,
    of_format: OfFormat = None,
    erase: Annotated[
        bool,
        typer.Option("--erase", help="Keep no record, so that a load may add them again; also of earlier deletions."),
    ] = False,
    yes: Yes = False,
) -> None:
    """Delete accounts with their hashes. A keyed digest of each login is kept, so that later loads skip them."""
    filters = filters_of(state, source, of_format)
    done, forgiven = run(_delete(login or [], filters, yes, erase))
    if forgiven:
        typer.echo(f"{plural(forgiven, 'account')} deleted earlier: a load may add them again now")
    _counted(done, "deleted")


async def _forget(logins: list[str], filters: "Filters", yes: bool) -> "_Counted":
    from service.administration.accounts import count_accounts, forget_accounts
    from service.app import open_database

    async with open_database(prepare()) as database:
        filters, unknown = await selected(database, logins, filters)
        if unknown:
            raise CommandFailed(f"no account has the login {', '.join(unknown)}")
        _confirm(f"Delete the hashes of {plural(await count_accounts(database, filters), 'account')} permanently?", yes)
        return await _counting("accounts forget", lambda counted: forget_accounts(database, filters, counted))


async def _delete(logins: list[str], filters: "Filters", yes: bool, erase: bool) -> "tuple[_Counted, int]":
    from service.administration.accounts import count_accounts, delete_accounts, forgive_logins
    from service.app import open_database

    async with open_database(prepare()) as database:
        filters, unknown = await selected(database, logins, filters)
        if unknown and not erase:
            raise CommandFailed(f"no account has the login {', '.join(unknown)}")
        _confirm(f"Delete {plural(await count_accounts(database, filters), 'account')}?", yes)
        forgiven = await forgive_logins(database, logins) if erase and logins else 0
        done = await _counting(
            "accounts delete", lambda counted: delete_accounts(database, filters, counted, erase=erase)
        )
        return done, forgiven


def purge(yes: Yes = False) -> None:
    """Remove stored attributes that no source declares, and the profiles of migrated accounts, which Okta has."""
    _counted(run(_purge(yes)), "purged")


async def _purge(yes: bool) -> "_Counted":
    from service.administration.accounts import purge_attributes
    from service.app import open_database
    from service.store.attributes import count_undeclared

    async with open_database(prepare()) as database:
        async with database.connection() as connection:
            number = await count_undeclared(connection)
        _confirm(f"Remove undeclared attributes of about {plural(number, 'account')} permanently?", yes)
        return await _counting("accounts purge-attributes", lambda counted: purge_attributes(database, counted))


class _Counted(NamedTuple):
    """The number of accounts that a command processed, and the exit code of the signal that stopped it, or 0."""

    number: int
    code: int


async def _counting(command: str, work: "Callable[[Callable[[int], None]], Coroutine[Any, Any, int]]") -> _Counted:
    """Show the progress of work that counts accounts; SIGINT and SIGTERM stop it after the current transaction."""
    done = 0
    with show_progress(command, "accounts") as shown:

        def counted(number: int) -> None:
            nonlocal done
            done = number
            shown.update(number)

        try:
            return _Counted(await until_stopped(work(counted)), DONE)
        except Stopped as stopped:
            return _Counted(done, stopped.code)


def _counted(done: _Counted, what: str) -> None:
    typer.echo(f"{plural(done.number, 'account')} {what}")
    if done.code != DONE:
        raise CommandFailed("stopped: run the command again for the others", done.code)


def _confirm(question: str, yes: bool) -> None:
    if not yes and not typer.confirm(question, err=True):
        raise CommandFailed("nothing was done")


accounts = typer.Typer(no_args_is_help=True, help="Show accounts, delete their hashes, delete accounts.")
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a script.")]


@accounts.command("list")
def list_(state: States = None, source: OfSource = None, of_format: OfFormat = None, as_json: AsJson = False) -> None:
    """List accounts as CSV or JSON Lines, filtered by state, source and format."""
    run(_list(filters_of(state, source, of_format), as_json))


@accounts.command()
def show(name: Annotated[str, typer.Argument(help="A login or another identifier.")], as_json: AsJson = False) -> None:
    """Show everything stored about an account except its hashes."""
    found = run(_show(name))
    if not found:
        raise CommandFailed(f"no account has the name {name}")
    for account in found:
        if as_json:
            typer.echo(json.dumps(account, default=str))
        else:
            typer.echo("\n".join(_details(account)))


accounts.command()(forget)
accounts.command()(delete)
accounts.command("purge-attributes")(purge)


async def _list(filters: "Filters", as_json: bool) -> None:
    from service.administration.queries import ListedAccount, all_accounts
    from service.app import open_database

    writer = csv.writer(sys.stdout)
    names = list(ListedAccount.__dataclass_fields__)
    async with open_database(prepare()) as database, database.connection() as connection:
        await require_known(connection, filters)
        if not as_json:
            writer.writerow(names)
        async for account in streamed("accounts list", "accounts", all_accounts(connection, filters)):
            if as_json:
                typer.echo(json.dumps(asdict(account), default=str))
            else:
                writer.writerow([_plain(getattr(account, name)) for name in names])


async def _show(name: str) -> list[dict[str, Any]]:
    from service.administration.queries import Filters, account_details, ids_named, list_accounts
    from service.app import open_database
    from service.store.accounts import login_key

    async with open_database(prepare()) as database, database.connection() as connection:
        ids = await ids_named(connection, login_key(name))
        listed = await list_accounts(connection, Filters(ids=ids)) if ids else []
        return [asdict(each) | asdict(await account_details(connection, each.id)) for each in listed]


def _details(account: dict[str, Any]) -> Iterator[str]:
    """Give the lines of an account; each element of a list has its own."""
    for name, value in account.items():
        for number, each in enumerate((value or [None]) if isinstance(value, list) else [value]):
            yield f"{'' if number else name:>15}  {_readable(each)}"


def _readable(value: object) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case datetime():
            return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
        case dict():
            return ", ".join(f"{printable(key)}: {_readable(each)}" for key, each in value.items())
        case list():
            return "; ".join(map(_readable, value))
        case _:
            return printable(str(value))


def _plain(value: object) -> str:
    if value is None:
        return ""
    return printable(";".join(map(str, value)) if isinstance(value, list) else str(value))

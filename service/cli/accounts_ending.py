"""`accounts forget` and `accounts delete`: ends of accounts, which are asked for before. Never prints a hash."""

from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.accounts_meant import OfFormat, OfSource, States, filters_of, selected
from service.cli.failures import CommandFailed
from service.cli.running import prepare, run

if TYPE_CHECKING:
    from service.accounts.browsing import Filters

Logins = Annotated[list[str] | None, typer.Argument(metavar="[LOGIN]...", help="Exactly these logins.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def forget(
    login: Logins = None, state: States = None, source: OfSource = None, of_format: OfFormat = None, yes: Yes = False
) -> None:
    """Forget the hashes of accounts for good; the accounts stay as tombstones, so no load brings the hashes back."""
    filters = filters_of(state, source, of_format)
    number = run(_forget(login or [], filters, yes))
    typer.echo(f"{_accounts(number)} forgotten")


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
    filters = filters_of(state, source, of_format)
    number, forgiven = run(_delete(login or [], filters, yes, erase))
    typer.echo(f"{_accounts(number)} deleted")
    if forgiven:
        typer.echo(f"{_accounts(forgiven)} deleted before: a load may bring them back now")


async def _forget(logins: list[str], filters: "Filters", yes: bool) -> int:
    from service.actions.tend_accounts import count_accounts, forget_accounts
    from service.app import open_database

    async with open_database(prepare()) as database:
        filters, unknown = await selected(database, logins, filters)
        if unknown:
            raise CommandFailed(f"no account has the login {', '.join(unknown)}")
        _confirm(f"Forget the hashes of {_accounts(await count_accounts(database, filters))}, for good?", yes)
        return await forget_accounts(database, filters)


async def _delete(logins: list[str], filters: "Filters", yes: bool, erase: bool) -> tuple[int, int]:
    from service.actions.tend_accounts import count_accounts, delete_accounts, forgive_logins
    from service.app import open_database

    async with open_database(prepare()) as database:
        filters, unknown = await selected(database, logins, filters)
        if unknown and not erase:
            raise CommandFailed(f"no account has the login {', '.join(unknown)}")
        _confirm(f"Delete {_accounts(await count_accounts(database, filters))}?", yes)
        forgiven = await forgive_logins(database, logins) if erase and logins else 0
        return await delete_accounts(database, filters, erase=erase), forgiven


def _confirm(question: str, yes: bool) -> None:
    if not yes and not typer.confirm(question, err=True):
        raise CommandFailed("nothing was done")


def _accounts(number: int) -> str:
    return f"{number:,} account{'' if number == 1 else 's'}"

"""Which accounts the commands of `accounts` mean, from the options given. Prints nothing."""

from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.failures import WRONG_USAGE, CommandFailed

if TYPE_CHECKING:
    import asyncpg

    from service.accounts.browsing import Filters
    from service.accounts.database import Database

States = Annotated[
    list[str] | None, typer.Option("--state", help="unarmed, waiting, verified, migrated or retired; may be repeated.")
]
OfSource = Annotated[str | None, typer.Option("--source", help="Those that have a hash of this source.")]
OfFormat = Annotated[str | None, typer.Option("--format", help="Those that have a hash of this format or formula.")]


def filters_of(states: list[str] | None, source: str | None, of_format: str | None) -> "Filters":
    """Read the options."""
    from service.accounts.account import State
    from service.accounts.browsing import Filters

    unknown = sorted(set(states or []) - set(State))
    if unknown:
        raise CommandFailed(f"--state {', '.join(unknown)}: one of {', '.join(State)}", WRONG_USAGE)
    return Filters(tuple(State(state) for state in states or []), source, of_format)


async def require_known(connection: "asyncpg.Connection", filters: "Filters") -> None:
    """Refuse a source that nothing was ever loaded from, and a format that no hash ever had."""
    from service.accounts.loading.sources import source_names
    from service.accounts.recipes import formats_loaded

    if filters.source is not None:
        _require("--source", filters.source, await source_names(connection))
    if filters.format is not None:
        _require("--format", filters.format, await formats_loaded(connection))


def _require(option: str, given: str, known: list[str]) -> None:
    if given not in known:
        those = f"one of {', '.join(known)}" if known else "nothing was loaded yet"
        raise CommandFailed(f"{option} {given}: {those}", WRONG_USAGE)


async def selected(database: "Database", logins: list[str], filters: "Filters") -> "tuple[Filters, list[str]]":
    """Find the accounts of logins, which come beside the filters; give also the logins that no account has."""
    from dataclasses import replace

    from service.actions.tend_accounts import find_logins

    async with database.connection() as connection:
        await require_known(connection, filters)
    if not logins:
        if filters.says_nothing:
            raise CommandFailed("say which accounts: logins, or --state, --source, --format", WRONG_USAGE)
        return filters, []
    ids, unknown = await find_logins(database, logins)
    return replace(filters, ids=ids), unknown

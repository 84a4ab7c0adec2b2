"""`load` brings legacy accounts into the store."""

import gc
import os
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.failures import DONE, SOME_REFUSED, WRONG_USAGE, CommandFailed
from service.cli.load_input import file_reader, mapped, open_rejects_for, query_reader, source_of
from service.cli.running import prepare, run
from service.settings import Settings

if TYPE_CHECKING:
    import asyncpg

    from service.accounts.sealing import HashKeys
    from service.actions.load_accounts import Totals
    from service.legacy.rows import Reader, Rejects
    from service.sources import Source


def load(
    source: Annotated[str, typer.Option(help="The legacy store that it comes from, as SOURCES names it.")],
    file: Annotated[
        Path | None,
        typer.Argument(help="CSV with a header, JSON Lines or LDIF, also gzipped; - is standard input."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would happen.")] = False,
    rejects: Annotated[
        Path | None, typer.Option(help="Where refused rows go, with line and reason. [default: beside FILE]")
    ] = None,
    of_format: Annotated[
        str | None, typer.Option("--format", help="A format or formula, for hashes that neither row nor SOURCES name.")
    ] = None,
    mapping: Annotated[
        list[str] | None, typer.Option("--map", metavar="COLUMN=NAME", help="Take a column under another name.")
    ] = None,
    kind: Annotated[str | None, typer.Option(help="csv, jsonl or ldif. [default: by name, else by content]")] = None,
    charset: Annotated[str, typer.Option(help="The charset of the file.")] = "utf-8",
    delimiter: Annotated[str | None, typer.Option(help="Between columns. [default: by the header]")] = None,
    from_dsn: Annotated[
        str | None, typer.Option(metavar="URL", help="Instead of FILE: a PostgreSQL; PGPASSWORD is heeded.")
    ] = None,
    query: Annotated[str | None, typer.Option(metavar="SQL", help="With --from-dsn: what to read there.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the totals as JSON for a script.")] = False,
) -> int:
    """Load legacy accounts: new ones are added, known ones brought up to date, forgotten hashes never come back.

    Columns: login (needed), password_hash, format, salt, iterations, okta_id, identifiers; any other is a profile
    attribute. Rows that can't be loaded go to the rejects file, to be corrected and loaded again; exit code 3.
    """
    from service.legacy.rows import UnreadableFile

    settings = prepare()
    chosen = source_of(settings, source)
    chosen = replace(chosen, format=chosen.format or of_format)
    names = mapped(mapping or [])
    by_query = from_dsn is not None or query is not None
    try:
        reader = (
            query_reader(file, from_dsn, query, names)
            if by_query
            else file_reader(file, kind, charset, delimiter, names)
        )
        with closing(reader):
            rejects_path, rejects_file = open_rejects_for(file or Path("query"), rejects, reader)
            totals = run(_load(settings, reader, chosen, rejects_file, dry_run=dry_run))
    except UnreadableFile as error:
        raise CommandFailed(str(error)) from None
    _print(totals, rejects_path, dry_run=dry_run, as_json=as_json)
    return SOME_REFUSED if totals.refused else DONE


def _print(totals: "Totals", rejects: Path, *, dry_run: bool, as_json: bool) -> None:
    from service.cli import load_report

    if as_json:
        typer.echo(load_report.as_json(totals, rejects, dry_run=dry_run))
    else:
        for line in load_report.report(totals, rejects, dry_run=dry_run):
            typer.echo(line)


async def _load(
    settings: Settings, reader: "Reader", source: "Source", rejects: "Rejects", *, dry_run: bool
) -> "Totals":
    from service.accounts.loading.session import loading_session
    from service.actions.load_accounts import Load
    from service.actions.resolve_hash import HashResolver
    from service.cli.load_report import progress
    from service.credentials import hash_keys
    from service.database_url import database_dsn

    keys = hash_keys(settings)
    async with database_dsn(settings) as dsn, loading_session(dsn) as connection:
        try:
            await _require_keys(connection, keys)
            load = Load(
                connection,
                source,
                HashResolver(source, os.environ),
                rejects,
                forget_when=settings.forget_when,
                dry_run=dry_run,
                keys=keys,
                interrupt=reader.interrupt,
                consumed=reader.consumed,
            )
            # What is alive now stays alive, and rows are no cycles: else the collector takes a fifth of the time.
            gc.freeze()
            gc.set_threshold(200_000, 20, 100)
            with progress(reader) as report:
                return await load.run(iter(reader), report)
        finally:
            rejects.close()


async def _require_keys(connection: "asyncpg.Connection", keys: "HashKeys") -> None:
    """Refuse a load that would store hashes in clear where others are encrypted: the keys were forgotten."""
    from service.accounts.rekeying import keys_in_use

    if keys.active is None and await keys_in_use(connection):
        raise CommandFailed(
            "stored hashes are encrypted and HASH_KEYS is not set: this load would store them in clear", WRONG_USAGE
        )

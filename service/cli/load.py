"""The command `load`: legacy accounts into the store."""

import gc
import os
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.errors import DONE, SOME_REFUSED, WRONG_USAGE, CommandFailed
from service.cli.okta_options import prepare, run
from service.settings import Settings

if TYPE_CHECKING:
    import asyncpg

    from service.loading.files.csv import CsvReader
    from service.loading.files.row import Reader, Rejects
    from service.loading.load import Totals
    from service.loading.sources import Source
    from service.store.encryption import HashKeys

# What a load reads and where it writes what it refuses, from the options given. Loads nothing.


def file_reader(
    file: Path | None, kind: str | None, charset: str, delimiter: str | None, mapping: Mapping[str, str]
) -> "Reader":
    """Open a file or standard input. Raises `UnreadableFile`."""
    from service.loading.files.csv import CsvReader
    from service.loading.files.open import open_export
    from service.loading.rows import naming

    if file is None:
        raise CommandFailed("name a FILE, or - for standard input, or --from-dsn and --query", WRONG_USAGE)
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n'):
        raise CommandFailed("--delimiter: one character, and no quote", WRONG_USAGE)
    reader = open_export(file, kind=kind, charset=charset, delimiter=delimiter, rename=naming(mapping))
    if isinstance(reader, CsvReader):
        try:
            _require_columns(file, reader, mapping)
        except CommandFailed:
            reader.close()
            raise
    return reader


def _require_columns(file: Path, reader: "CsvReader", mapping: Mapping[str, str]) -> None:
    columns = ", ".join(reader.header[:20])
    for column in mapping:
        if column not in reader.header:
            raise CommandFailed(f"{file}: no column is called {column}, as --map says ({columns})", WRONG_USAGE)
    if "login" not in reader.columns:
        raise CommandFailed(
            f"{file}: no column is called login; say which: --map COLUMN=login ({columns})", WRONG_USAGE
        )


def query_reader(file: Path | None, dsn: str | None, query: str | None, mapping: Mapping[str, str]) -> "Reader":
    """Begin a query. Raises `UnreadableFile`."""
    from service.loading.files.postgres import QueryReader
    from service.loading.rows import naming

    if file is not None or dsn is None or query is None:
        raise CommandFailed("--from-dsn and --query go together, and without FILE", WRONG_USAGE)
    return QueryReader(dsn, query, naming(mapping))


def source_of(settings: Settings, name: str) -> "Source":
    """Choose the source, whose pepper must be there."""
    from service.loading.sources import BadSources, choose_source

    try:
        source = choose_source(name, settings.sources)
    except BadSources as error:
        raise CommandFailed(f"the configuration is wrong (SOURCES):\n{error}", WRONG_USAGE) from None
    if source.pepper_env is not None and source.pepper_env not in os.environ:
        raise CommandFailed(f"the source {name} needs the pepper {source.pepper_env}, which is not set", WRONG_USAGE)
    return source


def open_rejects_for(file: Path, given: Path | None, reader: "Reader") -> tuple[Path, "Rejects"]:
    """Open the rejects file, or say where it will be: beside the export, once a row is refused."""
    from service.loading.files.open import RejectsAtNeed, open_rejects

    if given is None:
        path = _beside(file, reader.kind)
        return path, RejectsAtNeed(path, reader)
    if given.exists() and file.exists() and given.samefile(file):
        raise CommandFailed(f"--rejects {given}: that is the file to load", WRONG_USAGE)
    try:
        return given, open_rejects(given, reader)
    except OSError as error:
        raise CommandFailed(f"--rejects {given}: {error.strerror}", WRONG_USAGE) from None


def _beside(file: Path, kind: str) -> Path:
    """Give the name of a rejects file that does not exist yet."""
    folder = file.parent
    stem = "standard-input" if str(file) == "-" else file.name.split(".")[0]
    number = 1
    while True:
        path = folder / f"{stem}.rejects{f'-{number}' if number > 1 else ''}.{kind}"
        if not path.exists():
            return path
        number += 1


def mapped(pairs: list[str]) -> dict[str, str]:
    """Read the pairs of --map."""
    names = {}
    for pair in pairs:
        column, equals, name = pair.partition("=")
        if not (column and equals and name):
            raise CommandFailed(f"--map {pair}: write --map COLUMN=NAME, for instance --map email=login", WRONG_USAGE)
        names[column] = name
    return names


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
    from service.loading.files.row import UnreadableFile

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
    from service.auth.authenticator import hash_keys
    from service.cli.load_report import progress
    from service.loading.hashes import HashResolver
    from service.loading.load import Load
    from service.loading.staging import loading_session
    from service.store.connect import database_dsn

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
    from service.store.hash_keys import keys_in_use

    if keys.active is None and await keys_in_use(connection):
        raise CommandFailed(
            "stored hashes are encrypted and HASH_KEYS is not set: this load would store them in clear", WRONG_USAGE
        )

"""The command `load`: legacy accounts into the store."""

import gc
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.errors import DONE, SOME_REFUSED, WRONG_USAGE, CommandFailed
from service.cli.okta_options import Stopped, prepare, print_created, run, until_stopped
from service.cli.progress import Progress, show_progress
from service.settings import Settings

if TYPE_CHECKING:
    import asyncpg

    from service.loading.examine import Asked, Examined
    from service.loading.files.csv import CsvReader
    from service.loading.files.row import FaultyRow, Reader, Rejects, Row
    from service.loading.load import Totals
    from service.loading.sources import Source
    from service.store.encryption import HashKeys

# The reader and the rejects file that the options describe.


def file_reader(
    file: Path | None,
    mapping: Mapping[str, str],
    *,
    kind: str | None = None,
    charset: str = "utf-8",
    delimiter: str | None = None,
    dialect: str | None = None,
) -> "Reader":
    """Open a file or standard input. Raises `UnreadableFile`."""
    from service.loading.files.csv import CsvReader
    from service.loading.files.dialect import Dialect
    from service.loading.files.open import open_export
    from service.loading.rows import naming

    if file is None:
        raise CommandFailed("name a FILE, or - for standard input, or --from-dsn and --query", WRONG_USAGE)
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n'):
        raise CommandFailed("--delimiter: must be one character other than a quote", WRONG_USAGE)
    if dialect is not None and dialect not in tuple(Dialect):
        raise CommandFailed(f"--dialect {dialect}: one of {', '.join(Dialect)}", WRONG_USAGE)
    reader = open_export(
        file,
        kind=kind,
        charset=charset,
        delimiter=delimiter,
        dialect=Dialect(dialect) if dialect else None,
        paths=mapping,
        rename=naming(mapping),
    )
    if isinstance(reader, CsvReader):
        try:
            _require_columns(file, reader, mapping)
        except CommandFailed:
            reader.close()
            raise
    return reader


def _require_columns(file: Path, reader: "CsvReader", mapping: Mapping[str, str]) -> None:
    if any(map(_is_value, reader.header)) and "login" not in reader.columns:
        raise CommandFailed(
            f"{file}: line 1 is a row and not a header: add a line above it that names the columns, "
            "for instance login,password_hash",
            WRONG_USAGE,
        )
    columns = ", ".join(reader.header[:20])
    for column in mapping:
        if column not in reader.header:
            raise CommandFailed(f"{file}: there is no column {column}, which --map names ({columns})", WRONG_USAGE)


@dataclass(frozen=True, slots=True)
class Reading:
    """How a command that loads nothing reads a file: the options of `load` with the same names."""

    mapping: list[str]
    kind: str | None = None
    charset: str = "utf-8"
    delimiter: str | None = None
    dialect: str | None = None
    attributes: list[str] = field(default_factory=list)
    nulls: list[str] = field(default_factory=list)

    def open(self, file: Path) -> "Reader":
        """Open the file. Raises `UnreadableFile`."""
        return file_reader(
            file,
            mapped(self.mapping),
            kind=self.kind,
            charset=self.charset,
            delimiter=self.delimiter,
            dialect=self.dialect,
        )

    def examine(self, file: Path, reader: "Reader", source: "Source", *, needs_login: bool = True) -> "Examined":
        """Decide how to read its rows, as `load` does."""
        from service.loading.examine import Asked

        asked = Asked(
            attributes=names_in(self.attributes) if self.attributes else frozenset(source.attributes),
            nulls=frozenset(self.nulls),
            mapped=needs_login,
            columns=frozenset(mapped(self.mapping)),
            place=file.name,
        )
        return examined(file, reader, source, asked)


VALUE = re.compile(r".*[@$:{}].*|[0-9A-Fa-f]{16,}|[0-9]+|.{41,}")
"""A cell that cannot be a column's name: an address, a hash, a number. It is not quoted in a message."""


def _is_value(cell: str) -> bool:
    return VALUE.fullmatch(cell) is not None


def examined(place: object, reader: "Reader", source: "Source", asked: "Asked") -> "Examined":
    """Decide how to read the rows of a reader."""
    from service.loading.examine import BadExport, examine

    try:
        found = examine(iter(reader), source, asked, reader.volume)
    except BadExport as error:
        raise CommandFailed(f"{place}: {error}", WRONG_USAGE) from None
    told = getattr(reader, "told", None)
    if told is not None and getattr(reader, "delimiter", "") == "\t":
        found.notes.insert(0, f"dialect: {told} (--dialect says otherwise)")
    return found


def with_format(source: "Source", given: str | None) -> "Source":
    """Return the source with --format if SOURCES names none."""
    return source if source.format is not None else replace(source, format=given)


def query_reader(file: Path | None, dsn: str | None, query: str | None, mapping: Mapping[str, str]) -> "Reader":
    """Start a query. Raises `UnreadableFile`."""
    from service.loading.files.postgres import QueryReader
    from service.loading.rows import naming

    if file is not None or dsn is None or query is None:
        raise CommandFailed("--from-dsn and --query must be used together, without FILE", WRONG_USAGE)
    return QueryReader(dsn, query, naming(mapping))


def source_of(settings: Settings, name: str) -> "Source":
    """Return the source. Raises `CommandFailed` if its pepper is not set."""
    from service.loading.sources import BadSources, choose_source
    from service.stored_hashes import pepper_names

    try:
        source = choose_source(name, settings.sources)
    except BadSources as error:
        raise CommandFailed(f"the configuration is wrong (SOURCES):\n{error}", WRONG_USAGE) from None
    missing = [each for each in pepper_names(source.pepper_env) if each not in os.environ]
    if missing:
        raise CommandFailed(f"the source {name} needs the pepper {missing[0]}, which is not set", WRONG_USAGE)
    return source


def open_rejects_for(file: Path, given: Path | None, reader: "Reader") -> tuple[Path, "Rejects"]:
    """Open the rejects file before the first row; the one beside the export is removed where no row was rejected."""
    from service.loading.files.open import STANDARD_OUTPUT, TemporaryRejects, open_rejects

    if given is None:
        path = _beside(file, reader.kind)
        try:
            return path, NamedRejects(path, TemporaryRejects(path, reader))
        except OSError as error:
            raise CommandFailed(
                f"{path}: {error.strerror}: say where rejected rows go, with --rejects FILE, or --rejects - for "
                "standard output",
                WRONG_USAGE,
            ) from None
    if given != STANDARD_OUTPUT and given.exists() and file.exists() and given.samefile(file):
        raise CommandFailed(f"--rejects {given}: this is the file to load", WRONG_USAGE)
    try:
        return given, NamedRejects(given, open_rejects(given, reader))
    except OSError as error:
        why = "it is a symbolic link, which is not followed" if given.is_symlink() else error.strerror
        raise CommandFailed(f"--rejects {given}: {why}", WRONG_USAGE) from None


class NamedRejects:
    """A rejects file that is named in its errors: a full disk stops the load."""

    def __init__(self, path: Path, rejects: "Rejects") -> None:
        self._path, self._rejects = path, rejects

    def write(self, row: "Row | FaultyRow", reason: str) -> None:
        """Write one row. Raises `CommandFailed`."""
        with self._named():
            self._rejects.write(row, reason)

    def close(self) -> None:
        """Close the file. Raises `CommandFailed`."""
        with self._named():
            self._rejects.close()

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:  # the reader of standard output is gone
            raise
        except OSError as error:
            raise CommandFailed(
                f"{self._path}: {error.strerror}: rejected rows can't be written; free space, or name another file "
                "with --rejects, and run the load again"
            ) from None


def _beside(file: Path, kind: str) -> Path:
    """Return the name of a rejects file that does not exist yet."""
    folder = file.parent
    stem = "standard-input" if str(file) == "-" else file.name.split(".")[0]
    number = 1
    while True:
        path = folder / f"{stem}.rejects{f'-{number}' if number > 1 else ''}.{kind}"
        if not path.exists():
            return path
        number += 1


def mapped(pairs: list[str]) -> dict[str, str]:
    """Parse the values of --map."""
    names = {}
    for pair in pairs:
        column, equals, name = pair.partition("=")
        if not (column and equals and name):
            raise CommandFailed(f"--map {pair}: write --map COLUMN=NAME, for instance --map email=login", WRONG_USAGE)
        names[column] = name
    return names


def load(
    source: Annotated[str, typer.Option(help="The legacy store of the export, as named in SOURCES.")],
    file: Annotated[
        Path | None,
        typer.Argument(help="CSV with a header, JSON Lines or LDIF, also gzipped; - is standard input."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing; print what would change.")] = False,
    rejects: Annotated[
        Path | None, typer.Option(help="Where rejected rows go, with line and reason. [default: beside FILE]")
    ] = None,
    of_format: Annotated[
        str | None,
        typer.Option("--format", help="The format or formula of hashes for which neither row nor SOURCES names one."),
    ] = None,
    mapping: Annotated[
        list[str] | None, typer.Option("--map", metavar="COLUMN=NAME", help="Use a column under another name.")
    ] = None,
    kind: Annotated[
        str | None, typer.Option(help="csv, jsonl or ldif. [default: by name, otherwise by content]")
    ] = None,
    charset: Annotated[str, typer.Option(help="The charset of the file.")] = "utf-8",
    delimiter: Annotated[
        str | None, typer.Option(help="The delimiter between columns. [default: detected in the header]")
    ] = None,
    dialect: Annotated[
        str | None, typer.Option(help="csv, or copy for backslash escapes (COPY, mysql -B). [default: detected]")
    ] = None,
    attributes: Annotated[
        list[str] | None,
        typer.Option(help="Attributes to store besides Okta's base profile; a comma between. [default: SOURCES']"),
    ] = None,
    forced: Annotated[
        list[str] | None,
        typer.Option("--force-attribute", help="Store this attribute although it looks like a credential."),
    ] = None,
    null: Annotated[list[str] | None, typer.Option(help="A text that means a missing value in any column.")] = None,
    without_hashes: Annotated[
        bool, typer.Option("--without-hashes", help="Load accounts without hashes although a column looks like hashes.")
    ] = False,
    from_dsn: Annotated[
        str | None, typer.Option(metavar="URL", help="Read from this PostgreSQL instead of FILE; PGPASSWORD is used.")
    ] = None,
    query: Annotated[
        str | None, typer.Option(metavar="SQL", help="With --from-dsn: the query whose rows are loaded.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the totals as JSON for a script.")] = False,
) -> int:
    """Load legacy accounts: add new ones and update known ones. Deleted hashes are not restored.

    Columns: login (required), password_hash, format, salt, iterations, okta_id, identifiers, and those of Okta's base
    profile. Others are ignored unless --attributes names them. Rows that can't be loaded go to the rejects file, to be
    corrected and loaded again; the exit code is then 3.
    """
    from service.loading.examine import Asked
    from service.loading.files.row import UnreadableFile

    settings = prepare()
    chosen = source_of(settings, source)
    names = mapped(mapping or [])
    chosen = with_format(chosen, of_format)
    forced_names = names_in(forced)
    asked = Asked(
        attributes=names_in(attributes) | forced_names if attributes else forced_names | {*chosen.attributes},
        forced=forced_names,
        nulls=frozenset(null or []),
        without_hashes=without_hashes,
        columns=frozenset(names),
        place=query or (file.name if file else ""),
    )
    by_query = from_dsn is not None or query is not None
    try:
        with show_progress("load", "rows") as shown:
            reader = (
                query_reader(file, from_dsn, query, names)
                if by_query
                else file_reader(file, names, kind=kind, charset=charset, delimiter=delimiter, dialect=dialect)
            )
            with closing(reader):
                found = examined(file or "the query", reader, chosen, asked)
                rejects_path, rejects_file = open_rejects_for(file or Path("query"), rejects, reader)
                with closing(rejects_file):
                    totals, stopped = run(_load(settings, reader, rejects_file, found, shown, dry_run=dry_run))
    except UnreadableFile as error:
        raise CommandFailed(str(error)) from None
    totals.notes = found.notes
    _print(totals, rejects_path, dry_run=dry_run, as_json=as_json)
    if stopped != DONE:
        done = "the counts are of the rows that were read" if dry_run else "the rows counted above are loaded"
        raise CommandFailed(f"stopped: {done}; run the same command again for the others", stopped)
    return SOME_REFUSED if totals.refused else DONE


def names_in(given: list[str] | None) -> frozenset[str]:
    """Return the names of an option that may be repeated or contain commas."""
    return frozenset(name.strip() for each in given or [] for name in each.split(",") if name.strip())


def _print(totals: "Totals", rejects: Path, *, dry_run: bool, as_json: bool) -> None:
    from service.cli import load_report
    from service.loading.files.open import STANDARD_OUTPUT

    lines = [load_report.as_json(totals, rejects, dry_run=dry_run)] if as_json else None
    for line in lines or load_report.report(totals, rejects, dry_run=dry_run):
        # Where the rejected rows are on standard output, they are what a script reads there.
        typer.echo(line, err=rejects == STANDARD_OUTPUT)


async def _load(
    settings: Settings,
    reader: "Reader",
    rejects: "Rejects",
    found: "Examined",
    shown: Progress,
    *,
    dry_run: bool,
) -> "tuple[Totals, int]":
    """Load the rows; return the totals, and 0 or a signal's exit code."""
    from service.administration.status import too_costly_accounts
    from service.auth.authenticator import hash_keys
    from service.loading.hashes import HashResolver
    from service.loading.load import Load
    from service.loading.staging import loading_session
    from service.store.connect import database_dsn, require_schema

    keys = hash_keys(settings)
    created = None if dry_run else print_created
    async with database_dsn(settings, on_created=created) as dsn, loading_session(dsn) as connection:
        await require_schema(connection, settings)
        await _require_keys(connection, keys)
        load = Load(
            connection,
            found.source,
            HashResolver(found.source, os.environ),
            rejects,
            forget_when=settings.forget_when,
            dry_run=dry_run,
            keys=keys,
            interrupt=reader.interrupt,
            consumed=reader.volume,
            decisions=found.decisions,
        )
        # The objects that exist now remain, and rows form no cycles: collecting garbage would take a fifth of the time.
        gc.freeze()
        gc.set_threshold(200_000, 20, 100)

        def report(totals: "Totals") -> None:
            share = reader.consumed() / reader.size if reader.size else None
            shown.update(totals.rows, share=share, note=f"{totals.refused:,} rejected")

        try:
            totals = await until_stopped(load.run(found.rows, report))
        except Stopped as stopped:
            return load.totals, stopped.code
        totals.too_costly = await too_costly_accounts(connection)
        return totals, DONE


async def _require_keys(connection: "asyncpg.Connection", keys: "HashKeys") -> None:
    """Reject a load that would store hashes unencrypted although others are encrypted: the keys were forgotten."""
    from service.store.hash_keys import keys_in_use

    if keys.active is None and await keys_in_use(connection):
        raise CommandFailed(
            "stored hashes are encrypted and HASH_KEYS is not set: this load would store plain ones", WRONG_USAGE
        )

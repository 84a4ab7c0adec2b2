"""What a load reads and where it writes what it refuses, from the options given. Loads nothing."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from service.cli.failures import WRONG_USAGE, CommandFailed
from service.settings import Settings

if TYPE_CHECKING:
    from service.legacy.csv_rows import CsvReader
    from service.legacy.rows import Reader, Rejects
    from service.sources import Source


def file_reader(
    file: Path | None, kind: str | None, charset: str, delimiter: str | None, mapping: Mapping[str, str]
) -> "Reader":
    """Open a file or standard input. Raises `UnreadableFile`."""
    from service.actions.name_columns import naming
    from service.legacy.csv_rows import CsvReader
    from service.legacy.opening import open_export

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
    from service.actions.name_columns import naming
    from service.legacy.postgres import QueryReader

    if file is not None or dsn is None or query is None:
        raise CommandFailed("--from-dsn and --query go together, and without FILE", WRONG_USAGE)
    return QueryReader(dsn, query, naming(mapping))


def source_of(settings: Settings, name: str) -> "Source":
    """Choose the source, whose pepper must be there."""
    from service.sources import BadSources, choose_source

    try:
        source = choose_source(name, settings.sources)
    except BadSources as error:
        raise CommandFailed(f"the configuration is wrong (SOURCES):\n{error}", WRONG_USAGE) from None
    if source.pepper_env is not None and source.pepper_env not in os.environ:
        raise CommandFailed(f"the source {name} needs the pepper {source.pepper_env}, which is not set", WRONG_USAGE)
    return source


def open_rejects_for(file: Path, given: Path | None, reader: "Reader") -> tuple[Path, "Rejects"]:
    """Open the rejects file, or say where it will be: beside the export, once a row is refused."""
    from service.legacy.opening import RejectsAtNeed, open_rejects

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

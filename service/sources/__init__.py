"""What the hashes of legacy stores need, read from the TOML file that SOURCES names. Knows formats; knows no store.

The file is checked whole, and every fault is named with its place, before the first row is read.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path

from service.immutable import immutable
from service.sources.checks import CHECKS, OPTIONS, faults_of

LONGEST_NAME = 100
"""Characters of the name of a source."""
MAX_FILE = 1 << 20
"""Bytes."""


class BadSources(Exception):
    """The file of sources is wrong; each fault stands on a line of its own, with its place."""


@immutable
class Source:
    """A legacy store, as its hashes need it; a row may say otherwise for itself."""

    name: str
    format: str | None = None
    """A format or formula; None where each hash describes itself, or each row names its format."""
    charset: str = "utf-8"
    pepper_env: str | None = None
    iterations: int | None = None
    salt_encoding: str = "text"
    username: str | None = None
    """The column that holds the name which was mixed into the hash; None for `username` or `user`."""
    options: Mapping[str, str] = field(default_factory=dict, repr=False)


def choose_source(name: str, file: Path | None) -> Source:
    """Give the source called `name`; without a file of sources, one that needs nothing. Raises `BadSources`."""
    if not name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
        raise BadSources(f"the name of a source has 1 to {LONGEST_NAME} printable characters")
    if file is None:
        return Source(name)
    sources = read_sources(_text(file), str(file))
    if name not in sources:
        raise BadSources(f"{file}: no source is called {name!r}; there are: {', '.join(sources) or 'none'}")
    return sources[name]


def read_sources(text: str, place: str) -> dict[str, Source]:
    """Read all sources of a TOML document. Raises `BadSources` with every fault."""
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise BadSources(f"{place}: {error}") from None
    faults: list[str] = []
    tables = document.pop("sources", {})
    faults += [f"{place}: {name}: write [sources.NAME] for each legacy store" for name in document]
    if not isinstance(tables, dict):
        tables = {}
        faults.append(f"{place}: sources: write [sources.NAME] for each legacy store")
    sources = {}
    for name, table in tables.items():
        found = [f"{place}: sources.{name}{fault}" for fault in faults_of(table)]
        faults += found
        if not found:
            sources[name] = _source(name, table)
    if faults:
        raise BadSources("\n".join(faults))
    return sources


def _text(file: Path) -> str:
    try:
        if file.stat().st_size > MAX_FILE:
            raise BadSources(f"{file}: larger than {MAX_FILE} bytes")
        return file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise BadSources(f"{file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadSources(f"{file}: not UTF-8") from None


def _source(name: str, table: Mapping[str, object]) -> Source:
    options = {key: value for key, value in table.items() if key in OPTIONS}
    options |= _table(table.get("options"))
    settings = {key: value for key, value in table.items() if key in CHECKS and key != "options"}
    return Source(name, options={key: str(value) for key, value in sorted(options.items())}, **settings)  # type: ignore[arg-type]


def _table(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}

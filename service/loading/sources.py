"""The TOML file that SOURCES names: what the hashes of each legacy store need.

The whole file is validated, and every fault is reported with its location, before the first row is read.
"""

import difflib
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from pathlib import Path

from service.hashing import registry
from service.hashing.encodings import is_charset
from service.hashing.format import UnusableHash
from service.hashing.formula import parse_formula
from service.hashing.limits import MAX_DIGITS
from service.immutable import immutable
from service.settings import is_setting

# Validation of a source's settings.

SALT_ENCODINGS = ("text", "hex", "base64")
"""Permitted encodings of a salt column."""
OPTIONS = frozenset(
    {
        "signer_key",
        "salt_separator",
        "rounds",
        "mem_cost",
        "n",
        "r",
        "p",
        "dklen",
        "keylen",
        "digest",
        "site_key",
        "passwd_hash_algo",
        "password_algorithm",
    }
)
"""Properties that only some formats need; each is also a column that a row may have."""


def faults_of(table: object) -> Iterator[str]:
    """Yield every fault of a source's table, each beginning with the location within it."""
    if not isinstance(table, dict):
        yield ": must be a table, as [sources.NAME] makes it"
        return
    for key, value in table.items():
        if key in CHECKS:
            fault = CHECKS[key](value)
        elif key in OPTIONS:
            fault = _option(value)
        else:
            close = difflib.get_close_matches(key, [*CHECKS, *OPTIONS], n=1)
            fault = "unknown setting" + (f"; did you mean {close[0]}?" if close else "")
        if fault:
            yield f".{key}: {fault}"
    for name in formats_in(table.get("format")):
        yield from _format_faults(name, table.get("iterations"))


def formats_in(value: object) -> list[str]:
    """Return the formats of a setting that is one format or a list of them."""
    return [name for name in (value if isinstance(value, list) else [value]) if isinstance(name, str)]


def _format_faults(name: str, iterations: object) -> Iterator[str]:
    try:
        if registry.is_formula(name):
            parse_formula(name, iterations if isinstance(iterations, int) else None, registry.find)
        else:
            registry.by_name(name)
    except UnusableHash as error:
        yield f".format: {error}"


def _text_fault(value: object) -> str | None:
    return None if isinstance(value, str) and value.strip() else "must be a text that is not empty"


MOST_PEPPERS = 32
"""A wrong password is checked with each pepper. Moodle has up to 21 salts per site."""


def _pepper_fault(value: object) -> str | None:
    names = value if isinstance(value, list) else [value]
    setting = next((name for name in names if isinstance(name, str) and is_setting(name)), None)
    if setting is not None:
        return f"{setting.upper()} is a setting of the service: give the pepper a variable of its own"
    if not isinstance(value, list):
        return _text_fault(value)
    good = 0 < len(value) <= MOST_PEPPERS and all(isinstance(name, str) and name.split() == [name] for name in value)
    return None if good else f"must be the name of an environment variable, or a list of 1 to {MOST_PEPPERS}"


def _formats_fault(value: object) -> str | None:
    good = isinstance(value, list) and value and not any(map(_text_fault, value))
    return None if good or _text_fault(value) is None else "must be a text that is not empty, or a list of them"


def _attributes_fault(value: object) -> str | None:
    good = isinstance(value, list) and not any(map(_text_fault, value))
    return None if good else "must be a list of names"


def _charset(value: object) -> str | None:
    if not isinstance(value, str):
        return "must be the name of a charset"
    return None if is_charset(value) else f"unknown charset {value!r}"


def _iterations(value: object) -> str | None:
    good = isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**MAX_DIGITS
    return None if good else "must be a whole number above 0"


def _salt_encoding(value: object) -> str | None:
    return None if value in SALT_ENCODINGS else f"must be one of {', '.join(SALT_ENCODINGS)}"


def _switch(value: object) -> str | None:
    return None if isinstance(value, bool) else "must be true or false"


def _option(value: object) -> str | None:
    good = isinstance(value, str | int) and not isinstance(value, bool)
    return None if good else "must be a text or a whole number"


def _options(value: object) -> str | None:
    if not isinstance(value, dict):
        return "must be a table"
    return next((f"{name}: {fault}" for name, each in value.items() if (fault := _option(each))), None)


CHECKS: dict[str, Callable[[object], str | None]] = {
    "format": _formats_fault,
    "attributes": _attributes_fault,
    "charset": _charset,
    "pepper_env": _pepper_fault,
    "iterations": _iterations,
    "salt_encoding": _salt_encoding,
    "username": _text_fault,
    "email_aliases": _switch,
    "options": _options,
}


LONGEST_NAME = 100
"""Maximum characters of a source's name."""
MAX_FILE = 1 << 20
"""Bytes."""


class BadSources(Exception):
    """Invalid file of sources; the message has one line per fault, with its location."""


@immutable
class Source:
    """A legacy store and the properties of its hashes; a row may override them."""

    name: str
    format: str | None = None
    """A format or formula for every hash whose shape it matches; the others are parsed by their own description."""
    charset: str = "utf-8"
    pepper_env: str | None = None
    iterations: int | None = None
    salt_encoding: str = "text"
    username: str | None = None
    """The column with the name that is part of the hash; None for `username` or `user`."""
    options: Mapping[str, str] = field(default_factory=dict, repr=False)
    email_aliases: bool = False
    """Whether identifiers with `@` open accounts; only for a store that verifies who owns an address."""
    other_formats: tuple[str, ...] = ()
    """Formats that are tried after `format`, in this order."""
    attributes: tuple[str, ...] = ()
    """Attributes that are stored in addition to Okta's base profile."""


def choose_source(name: str, file: Path | None) -> Source:
    """Return the source called `name`; without a file of sources, one without properties. Raises `BadSources`."""
    if not name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
        raise BadSources(f"the name of a source must have 1 to {LONGEST_NAME} printable characters")
    if file is None:
        return Source(name)
    sources = read_sources(_text(file), str(file))
    if name not in sources:
        raise BadSources(f"{file}: unknown source {name!r}; the file has: {', '.join(sources) or 'none'}")
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
    settings = {key: value for key, value in table.items() if key in CHECKS and key not in ("options", "format")}
    settings["attributes"] = tuple(_list(settings.get("attributes")))
    formats = formats_in(table.get("format"))
    settings |= {"format": formats[0] if formats else None, "other_formats": tuple(formats[1:])}
    if isinstance(names := settings.get("pepper_env"), list):
        settings["pepper_env"] = " ".join(names)
    return Source(name, options={key: str(value) for key, value in sorted(options.items())}, **settings)  # type: ignore[arg-type]


def _list(value: object) -> list[str]:
    return value if isinstance(value, list) else []


def _table(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}

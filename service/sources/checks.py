"""What is wrong with the settings of a source. Knows what formats need; knows no file."""

import codecs
import difflib
from collections.abc import Callable, Iterator

from service.passwords import registry
from service.passwords.format import UnusableHash
from service.passwords.formula import parse_formula
from service.passwords.limits import MAX_DIGITS

SALT_ENCODINGS = ("text", "hex", "base64")
"""What a salt column may hold."""
OPTIONS = frozenset(
    {"signer_key", "salt_separator", "rounds", "mem_cost", "n", "r", "p", "dklen", "keylen", "digest", "site_key"}
)
"""What only some formats need; each is also a column that a row may have."""


def faults_of(table: object) -> Iterator[str]:
    """Give every fault of a source's table, each beginning with the place within it."""
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
            fault = "no such setting" + (f"; meant {close[0]}?" if close else "")
        if fault:
            yield f".{key}: {fault}"
    if isinstance(table.get("format"), str):
        yield from _format_faults(table["format"], table.get("iterations"))


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


def _charset(value: object) -> str | None:
    if not isinstance(value, str):
        return "must be the name of a charset"
    try:
        codecs.lookup(value)
        "a".encode(value)
    except (LookupError, UnicodeError):
        return f"no charset is called {value!r}"
    return None


def _iterations(value: object) -> str | None:
    good = isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**MAX_DIGITS
    return None if good else "must be a whole number above 0"


def _salt_encoding(value: object) -> str | None:
    return None if value in SALT_ENCODINGS else f"must be one of {', '.join(SALT_ENCODINGS)}"


def _option(value: object) -> str | None:
    good = isinstance(value, str | int) and not isinstance(value, bool)
    return None if good else "must be a text or a whole number"


def _options(value: object) -> str | None:
    if not isinstance(value, dict):
        return "must be a table"
    return next((f"{name}: {fault}" for name, each in value.items() if (fault := _option(each))), None)


CHECKS: dict[str, Callable[[object], str | None]] = {
    "format": _text_fault,
    "charset": _charset,
    "pepper_env": _text_fault,
    "iterations": _iterations,
    "salt_encoding": _salt_encoding,
    "username": _text_fault,
    "options": _options,
}

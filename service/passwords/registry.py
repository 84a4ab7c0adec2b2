"""The list of the accepted formats, and the one way from a stored hash to a check. Knows no format's inside.

Each module that holds formats is imported here by name.
"""

import difflib
import re

from service.passwords import argon2, bcrypt, pbkdf2, scrypt
from service.passwords.format import Check, Format, StoredHash, UnusableHash

FORMATS: tuple[Format, ...] = (*bcrypt.FORMATS, *argon2.FORMATS, *pbkdf2.FORMATS, *scrypt.FORMATS)


class UnknownFormat(UnusableHash):
    """No format has this name, and it is not a formula."""


def candidates(text: str) -> tuple[Format, ...]:
    """Every format whose whole shape `text` has, the likeliest first. More than one: its `format` must be named."""
    return tuple(each for each in FORMATS if each.recognises(text))


def by_name(name: str) -> Format:
    """The format called `name`, in any case, with any separators. `UnknownFormat` lists names that are close."""
    found = _BY_NAME.get(_plain(name))
    if found is None:
        close = difflib.get_close_matches(_plain(name), _BY_NAME, n=3)
        raise UnknownFormat(f"no format is called {name!r}" + (f"; close: {', '.join(close)}" if close else ""))
    return found


def check(stored: StoredHash) -> Check:
    """Parse a stored hash by the name or formula of its recipe. Raises `UnusableHash`."""
    return by_name(stored.recipe.format).parse(stored)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def _index() -> dict[str, Format]:
    index: dict[str, Format] = {}
    for each in FORMATS:
        for name in (each.name, *each.aliases):
            if _plain(name) in index:
                raise ValueError(f"two formats are called {name}")
            index[_plain(name)] = each
    return index


_BY_NAME = _index()

"""From a hash and a recipe to a check, or to the reason why there is none. Knows no row and no source."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from service.actions.refusal import Reason, Refusal
from service.passwords import registry
from service.passwords.format import (
    Check,
    Format,
    MalformedHash,
    NoUsername,
    Recipe,
    StoredHash,
    TooCostly,
    UnusableHash,
)
from service.passwords.formula import formula_check

MARK = re.compile(r"\$[^$]{0,40}\$|\{[^}]{0,40}\}|[A-Za-z0-9_.@+-]{1,24}[$:|]")
"""How a hash begins that names its format, as `$2b$`, `{SSHA}` and `pbkdf2_sha256$` do."""
SHOWN = 6
"""Formats that a refusal names."""


@dataclass(slots=True)
class Way:
    """One recipe, with what is looked up once for all rows that have it."""

    recipe: Recipe
    pepper: bytes | None = field(repr=False)
    parse: Callable[[StoredHash], Check]
    numbers: dict[str, int] = field(default_factory=dict)
    """Of the recipe with each cost that it was met with."""


def parser_of(recipe: Recipe) -> Callable[[StoredHash], Check]:
    """Give what parses the hashes of a recipe. Raises `Refusal` where no format has the name."""
    if registry.is_formula(recipe.format):
        return partial(formula_check, find=registry.find)
    try:
        return registry.by_name(recipe.format).parse
    except registry.UnknownFormat as error:
        raise Refusal(Reason.UNKNOWN_FORMAT, str(error)) from None


def parse(way: Way, text: str, salt: str | None, username: str | None) -> tuple[StoredHash, Check]:
    """Parse a hash by its recipe. Raises `Refusal`, and `NoUsername` where another name may do."""
    stored = StoredHash(text, way.recipe, salt, username, way.pepper)
    try:
        return stored, way.parse(stored)
    except NoUsername:
        raise
    except TooCostly as error:
        raise Refusal(Reason.TOO_COSTLY, str(error)) from None
    except MalformedHash as error:
        raise Refusal(Reason.MALFORMED_HASH, str(error)) from None
    except UnusableHash as error:
        raise Refusal(Reason.UNKNOWN_FORMAT, str(error)) from None


def parse_named(way: Way, text: str, salt: str | None, username: str | None) -> tuple[StoredHash, Check]:
    """Say also what a hash looks like that is not of the format that its row or source names."""
    try:
        return parse(way, text, salt, username)
    except Refusal as refusal:
        looks = [each.name for each in registry.candidates(text)]
        if refusal.reason is not Reason.MALFORMED_HASH or not looks:
            raise
        raise Refusal(refusal.reason, f"{refusal.detail}; it looks like {' or '.join(looks[:SHOWN])}") from None


def only_candidate(text: str) -> Format:
    """Tell the format of a hash that describes itself. Raises `Refusal` where none has its shape, or several."""
    found = registry.candidates(text)
    if not found:
        raise Refusal(Reason.UNKNOWN_SHAPE, "name its format, or a formula")
    if len(found) > 1:
        raise Refusal(Reason.AMBIGUOUS_SHAPE, f"name one: {', '.join(each.name for each in found[:SHOWN])}")
    return found[0]


def mark_of(text: str) -> str:
    """Give what the format of a hash can be told by again: how it begins, else how long and of what digits it is."""
    begin = MARK.match(text)
    if begin is None:
        return f"{len(text)} {text.isalnum()} {text.islower()}"
    return begin[0] if text[0] in "${" else f"{begin[0]}{len(text)}"

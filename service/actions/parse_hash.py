"""From a hash and a recipe to a check, or to the reason why there is none. Knows no row and no source."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from service.actions.refusal import Reason, RejectedRow
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

PREFIX = re.compile(r"\$[^$]{0,40}\$|\{[^}]{0,40}\}|[A-Za-z0-9_.@+-]{1,24}[$:|]")
"""How a hash begins that names its format, as `$2b$`, `{SSHA}` and `pbkdf2_sha256$` do."""
SHOWN = 6
"""Formats that a refusal names."""


@dataclass(slots=True)
class PreparedRecipe:
    """One recipe, with what is looked up once for all rows that have it."""

    recipe: Recipe
    pepper: bytes | None = field(repr=False)
    parse: Callable[[StoredHash], Check]
    numbers: dict[str, int] = field(default_factory=dict)
    """Of the recipe with each cost that it was met with."""


def parser_of(recipe: Recipe) -> Callable[[StoredHash], Check]:
    """Give what parses the hashes of a recipe. Raises `RejectedRow` where no format has the name."""
    if registry.is_formula(recipe.format):
        return partial(formula_check, find=registry.find)
    try:
        return registry.by_name(recipe.format).parse
    except registry.UnknownFormat as error:
        raise RejectedRow(Reason.UNKNOWN_FORMAT, str(error)) from None


def parse(prepared: PreparedRecipe, text: str, salt: str | None, username: str | None) -> tuple[StoredHash, Check]:
    """Parse a hash by its recipe. Raises `RejectedRow`, and `NoUsername` where another name may do."""
    stored = StoredHash(text, prepared.recipe, salt, username, prepared.pepper)
    try:
        return stored, prepared.parse(stored)
    except NoUsername:
        raise
    except TooCostly as error:
        raise RejectedRow(Reason.TOO_COSTLY, str(error)) from None
    except MalformedHash as error:
        raise RejectedRow(Reason.MALFORMED_HASH, str(error)) from None
    except UnusableHash as error:
        raise RejectedRow(Reason.UNKNOWN_FORMAT, str(error)) from None


def parse_named(
    prepared: PreparedRecipe, text: str, salt: str | None, username: str | None
) -> tuple[StoredHash, Check]:
    """Say also what a hash looks like that is not of the format that its row or source names."""
    try:
        return parse(prepared, text, salt, username)
    except RejectedRow as refusal:
        looks = [each.name for each in registry.candidates(text)]
        if refusal.reason is not Reason.MALFORMED_HASH or not looks:
            raise
        raise RejectedRow(refusal.reason, f"{refusal.detail}; it looks like {' or '.join(looks[:SHOWN])}") from None


def only_candidate(text: str) -> Format:
    """Tell the format of a hash that describes itself. Raises `RejectedRow` where none has its shape, or several."""
    found = registry.candidates(text)
    if not found:
        raise RejectedRow(Reason.UNKNOWN_SHAPE, "name its format, or a formula")
    if len(found) > 1:
        raise RejectedRow(Reason.AMBIGUOUS_SHAPE, f"name one: {', '.join(each.name for each in found[:SHOWN])}")
    return found[0]


def prefix_of(text: str) -> str:
    """Give what the format of a hash can be told by again: how it begins, else how long and of what digits it is."""
    begin = PREFIX.match(text)
    if begin is None:
        return f"{len(text)} {text.isalnum()} {text.islower()}"
    return begin[0] if text[0] in "${" else f"{begin[0]}{len(text)}"

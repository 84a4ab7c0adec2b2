"""From the columns of a row to a hash that can be checked: recipe resolved, shape and cost judged. Knows no store.

A row's own columns come before the settings of its source, and these before what the hash says of itself.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from service.actions.open_hashes import recipe_parameters, stand_in_fields
from service.actions.refusal import Reason, Refusal
from service.passwords import registry
from service.passwords.format import Check, Format, MalformedHash, Recipe, StoredHash, TooCostly, UnusableHash
from service.passwords.formula import formula_stand_in
from service.passwords.limits import MAX_DIGITS
from service.sources import Source

OPTION_COLUMNS = frozenset(
    {"signer_key", "salt_separator", "rounds", "mem_cost", "n", "r", "p", "dklen", "keylen", "digest", "site_key"}
)
"""Columns named like a parameter of a format: they are options of the row's recipe."""
RECIPE_COLUMNS = frozenset({"format", "iterations", "charset", "pepper_env", "salt_encoding", "options"})
HASH_COLUMNS = RECIPE_COLUMNS | OPTION_COLUMNS | {"password_hash", "salt", "username", "user"}
MARKS = ("$", "{")
"""A hash that begins with one names its format up to the next mark."""


@dataclass(frozen=True, slots=True)
class NewRecipe:
    """A recipe that this load meets for the first time, as the store keeps it."""

    number: int
    format: str
    parameters: dict[str, Any] = field(repr=False)
    cost: str
    stand_in: dict[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class ResolvedHash:
    """A hash that can be checked, and the number of the recipe that it is checked by."""

    recipe: int
    text: str = field(repr=False)
    salt: str | None = field(repr=False)
    username: str | None = field(repr=False)


class HashResolver:
    """Resolves the hashes of one load; numbers the recipes as it meets them."""

    def __init__(self, source: Source, environment: Mapping[str, str]) -> None:
        self._source = source
        self._environment = environment
        self._plain = Recipe(
            source.format or "",
            source.charset,
            source.pepper_env,
            source.iterations,
            source.salt_encoding,
            source.options,
        )
        self._recipes: dict[tuple[object, ...], Recipe] = {}
        self._named: dict[tuple[int, str], Recipe] = {}
        self._numbers: dict[tuple[int, str], int] = {}
        self._known: dict[str, Format] = {}
        self.new: list[NewRecipe] = []
        """Recipes that nobody took note of yet."""

    def resolve(self, fields: Mapping[str, object], text: str) -> ResolvedHash:
        """Resolve the hash `text` of a row. Raises `Refusal`."""
        recipe = self._recipe(fields)
        if not recipe.format:
            recipe = self._with_format(recipe, self._recognise(text))
        salt = text_of(fields, "salt")
        username = self._username(fields)
        stored = StoredHash(text, recipe, salt, username, self._pepper(recipe))
        check = _parse(stored)
        number = self._numbers.get((id(recipe), check.cost))
        if number is None:
            number = self._number(stored, check)
        return ResolvedHash(number, text, salt, username)

    def _recipe(self, fields: Mapping[str, object]) -> Recipe:
        """Give the recipe of a row; the same object for the same settings."""
        if RECIPE_COLUMNS.isdisjoint(fields) and OPTION_COLUMNS.isdisjoint(fields):
            return self._plain
        own = tuple(fields.get(name) or None for name in sorted(RECIPE_COLUMNS - {"options"}))
        options = _options(fields)
        key = (*own, *options.items())
        found = self._recipes.get(key)
        if found is None:
            found = self._recipes[key] = self._make(fields, options)
        return found

    def _make(self, fields: Mapping[str, object], options: Mapping[str, str]) -> Recipe:
        plain = self._plain
        return Recipe(
            format=text_of(fields, "format") or plain.format,
            charset=_charset(text_of(fields, "charset")) or plain.charset,
            pepper_env=text_of(fields, "pepper_env") or plain.pepper_env,
            iterations=_whole(fields, "iterations") or plain.iterations,
            salt_encoding=_salt_encoding(text_of(fields, "salt_encoding")) or plain.salt_encoding,
            options={**plain.options, **options},
        )

    def _with_format(self, recipe: Recipe, found: Format) -> Recipe:
        key = (id(recipe), found.name)
        named = self._named.get(key)
        if named is None:
            named = self._named[key] = Recipe(
                found.name,
                recipe.charset,
                recipe.pepper_env,
                recipe.iterations,
                recipe.salt_encoding,
                recipe.options,
            )
        return named

    def _recognise(self, text: str) -> Format:
        """Tell the format by the shape; what shares a marked beginning with an earlier hash is tried there first."""
        mark = _mark(text)
        known = self._known.get(mark) if mark else None
        if known is not None and known.recognises(text):
            return known
        found = registry.candidates(text)
        if not found:
            raise Refusal(Reason.UNKNOWN_SHAPE, "name its format, or a formula")
        if len(found) > 1:
            raise Refusal(Reason.AMBIGUOUS_SHAPE, ", ".join(each.name for each in found[:6]))
        if mark:
            self._known[mark] = found[0]
        return found[0]

    def _username(self, fields: Mapping[str, object]) -> str | None:
        if self._source.username is not None:
            return text_of(fields, self._source.username)
        return text_of(fields, "username") or text_of(fields, "user")

    def _pepper(self, recipe: Recipe) -> bytes | None:
        if recipe.pepper_env is None:
            return None
        value = self._environment.get(recipe.pepper_env)
        if value is None:
            raise Refusal(Reason.NO_PEPPER, recipe.pepper_env)
        return value.encode("utf-8", "surrogateescape")

    def _number(self, stored: StoredHash, check: Check) -> int:
        number = len(self._numbers) + 1
        self._numbers[id(stored.recipe), check.cost] = number
        parameters = recipe_parameters(stored.recipe)
        stand_in = stand_in_fields(_stand_in(stored))
        self.new.append(NewRecipe(number, stored.recipe.format, parameters, check.cost, stand_in))
        return number


def _parse(stored: StoredHash) -> Check:
    try:
        return registry.check(stored)
    except registry.UnknownFormat as error:
        raise Refusal(Reason.UNKNOWN_FORMAT, str(error)) from None
    except TooCostly as error:
        raise Refusal(Reason.TOO_COSTLY, str(error)) from None
    except MalformedHash as error:
        raise Refusal(Reason.MALFORMED_HASH, f"{stored.recipe.format}: {error}") from None
    except UnusableHash as error:
        raise Refusal(Reason.MALFORMED_HASH, str(error)) from None


def _stand_in(stored: StoredHash) -> StoredHash:
    if registry.is_formula(stored.recipe.format):
        return formula_stand_in(stored)
    return registry.by_name(stored.recipe.format).stand_in(stored)


def _mark(text: str) -> str:
    """Give the beginning by which a hash names its format, as `$2b$` and `{SSHA}` do; empty where there is none."""
    if not text.startswith(MARKS):
        return ""
    end = text.find("}" if text[0] == "{" else "$", 1)
    return text[: end + 1]


def text_of(fields: Mapping[str, object], name: str) -> str | None:
    """Give a column as text; None where it is missing or empty. Raises `Refusal` for what is no text or number."""
    value = fields.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise Refusal(Reason.BAD_COLUMN, f"{name} is no text")


def _whole(fields: Mapping[str, object], name: str) -> int | None:
    text = text_of(fields, name)
    if text is None:
        return None
    if not (text.strip().isascii() and text.strip().isdigit()) or len(text) > MAX_DIGITS:
        raise Refusal(Reason.BAD_COLUMN, f"{name} is no whole number")
    return int(text)


def _charset(name: str | None) -> str | None:
    if name is not None:
        try:
            "a".encode(name)
        except (LookupError, UnicodeError):
            raise Refusal(Reason.BAD_COLUMN, f"no charset is called {name!r}") from None
    return name


def _salt_encoding(name: str | None) -> str | None:
    if name not in {None, "text", "hex", "base64"}:
        raise Refusal(Reason.BAD_COLUMN, "salt_encoding is none of text, hex and base64")
    return name


def _options(fields: Mapping[str, object]) -> dict[str, str]:
    """Give the options of a row: of the column `options`, a JSON object, and of those named like a parameter."""
    options: dict[str, str] = {}
    given = fields.get("options")
    if given:
        found = _json(given) if isinstance(given, str) else given
        if not isinstance(found, dict):
            raise Refusal(Reason.BAD_COLUMN, "options is no JSON object")
        options = {str(name): str(value) for name, value in found.items() if value is not None}
    for name in OPTION_COLUMNS & fields.keys():
        value = text_of(fields, name)
        if value is not None:
            options[name] = value
    return dict(sorted(options.items()))


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None

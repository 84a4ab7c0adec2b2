"""From the columns of a row to a hash that can be checked: recipe resolved, shape and cost judged. Knows no store.

A row's own columns come before the settings of its source, and these before what the hash says of itself.
"""

from collections.abc import Mapping
from dataclasses import field, replace
from typing import Any

from service.actions.likeness import ParseKey, parse_key
from service.actions.open_hashes import dummy_hash_fields, recipe_parameters
from service.actions.parse_hash import PreparedRecipe, only_candidate, parse, parse_named, parser_of, prefix_of
from service.actions.read_recipe import RECIPE_COLUMNS, read_recipe, text_of
from service.actions.refusal import Reason, RejectedRow
from service.immutable import immutable
from service.passwords import registry
from service.passwords.format import Check, NoUsername, Recipe, StoredHash
from service.sources import Source

HASH_COLUMNS = RECIPE_COLUMNS | {"password_hash", "salt", "username", "user"}
MAX_PREFIXES = 1000
"""More beginnings than a store has formats: beyond that they are no names, but parts of hashes."""
MOST_MET = 10_000
"""Recipes and costs that are remembered at once. A store has a handful; where every row has a parameter of its own,
none comes back, and to remember them all would take a kilobyte a row."""

Resolved = tuple[int, str | None, str | None]
"""The number of a recipe, a salt, and a username."""


@immutable
class NewRecipe:
    """A recipe that this load meets for the first time, as the store keeps it."""

    number: int
    format: str
    parameters: dict[str, Any] = field(repr=False)
    cost: str
    dummy_hash: dict[str, Any] = field(repr=False)


class HashResolver:
    """Resolves the hashes of one load; numbers the recipes as it meets them."""

    def __init__(self, source: Source, environment: Mapping[str, str]) -> None:
        self._source = source
        self._environment = environment
        self._plain = read_recipe({}, source)
        self._recipes: dict[tuple[object, ...], Recipe] = {}
        self._prepared: dict[tuple[int, str], PreparedRecipe] = {}
        self._prefixes: dict[tuple[int, str], PreparedRecipe] = {}
        self._alike: dict[ParseKey | None, int] = {}
        self._numbered = 0
        self._met = 0
        """How many recipes and costs are remembered."""
        self.new: list[NewRecipe] = []
        """Recipes that nobody took note of yet."""
        self.named_by_login = 0
        """How many hashes have a name mixed in that no column gives, so that the login was taken."""

    def resolve(self, fields: Mapping[str, object], text: str, login: str | None = None) -> Resolved:
        """Give the number of the recipe by which `text` is checked, the salt and the username. Raises `RejectedRow`.

        Where no column says which name was mixed in, it is the login.
        """
        username = self._username(fields)
        try:
            return self._resolve(fields, text, username)
        except NoUsername as error:
            if self._source.username is not None or login is None:
                raise RejectedRow(Reason.MALFORMED_HASH, str(error)) from None
        self.named_by_login += 1
        return self._resolve(fields, text, login)

    def _resolve(self, fields: Mapping[str, object], text: str, username: str | None) -> Resolved:
        if self._met >= MOST_MET:
            self._forget()
        recipe = self._plain if RECIPE_COLUMNS.isdisjoint(fields) else self._recipe(fields)
        salt = text_of(fields, "salt") if "salt" in fields else None
        alike = parse_key(recipe, text, salt, username)
        number = self._alike.get(alike)
        if number is None:
            number = self._parsed(recipe, text, salt, username)
            if alike is not None:
                self._alike[alike] = number
        return number, salt, username

    def _forget(self) -> None:
        """Begin anew: what comes again gets another number, which the store finds to be the same recipe.

        All at once, because what is known of a recipe is known by its identity, which the next one may be given.
        """
        for known in (self._recipes, self._prepared, self._prefixes, self._alike):
            known.clear()
        self._met = 0

    def _parsed(self, recipe: Recipe, text: str, salt: str | None, username: str | None) -> int:
        if recipe.format:
            prepared = self._prepare(recipe, recipe.format)
            stored, check = parse_named(prepared, text, salt, username)
        else:
            prepared, stored, check = self._recognise(recipe, text, salt, username)
        return prepared.numbers.get(check.cost) or self._number(prepared, stored, check)

    def _recipe(self, fields: Mapping[str, object]) -> Recipe:
        """Give the recipe of a row, its format empty where nothing names it; the same object for the same columns."""
        key = tuple([(name, str(fields[name])) for name in fields if name in RECIPE_COLUMNS])
        found = self._recipes.get(key)
        if found is None:
            found = self._recipes[key] = read_recipe(fields, self._source)
            self._met += 1
        return found

    def _prepare(self, recipe: Recipe, format_name: str) -> PreparedRecipe:
        key = id(recipe), format_name
        prepared = self._prepared.get(key)
        if prepared is None:
            named = recipe if recipe.format else replace(recipe, format=format_name)
            prepared = self._prepared[key] = PreparedRecipe(named, self._pepper(named), parser_of(named))
        return prepared

    def _recognise(
        self, recipe: Recipe, text: str, salt: str | None, username: str | None
    ) -> tuple[PreparedRecipe, StoredHash, Check]:
        """Tell the format by the shape; what begins like an earlier hash is tried as that first."""
        prefix = prefix_of(text)
        prepared = self._prefixes.get((id(recipe), prefix))
        if prepared is not None:
            try:
                return prepared, *parse(prepared, text, salt, username)
            except RejectedRow as refusal:
                if refusal.reason is not Reason.MALFORMED_HASH:
                    raise
        prepared = self._prepare(recipe, only_candidate(text).name)
        if len(self._prefixes) < MAX_PREFIXES:
            self._prefixes[id(recipe), prefix] = prepared
        return prepared, *parse(prepared, text, salt, username)

    def _username(self, fields: Mapping[str, object]) -> str | None:
        if self._source.username is not None:
            return text_of(fields, self._source.username)
        named = text_of(fields, "username") if "username" in fields else None
        return named or (text_of(fields, "user") if "user" in fields else None)

    def _pepper(self, recipe: Recipe) -> bytes | None:
        if recipe.pepper_env is None:
            return None
        value = self._environment.get(recipe.pepper_env)
        if value is None:
            raise RejectedRow(Reason.NO_PEPPER, recipe.pepper_env)
        return value.encode("utf-8", "surrogateescape")

    def _number(self, prepared: PreparedRecipe, stored: StoredHash, check: Check) -> int:
        dummy_hash = dummy_hash_fields(registry.dummy_hash(stored))
        self._numbered += 1
        self._met += 1
        prepared.numbers[check.cost] = self._numbered
        parameters = recipe_parameters(prepared.recipe)
        self.new.append(NewRecipe(self._numbered, prepared.recipe.format, parameters, check.cost, dummy_hash))
        return self._numbered

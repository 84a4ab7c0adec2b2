"""Checks of stored hashes: recipe, pepper and decrypted hash combined."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from typing import Any

from service.hashing import registry
from service.hashing.format import Check, MalformedHash, Recipe, StoredHash, UnusableHash
from service.settings import is_setting
from service.store.accounts import KeptHash
from service.store.encryption import NO_KEYS, DecryptionFailed, HashKeys, binding
from service.store.recipes import KeptRecipe


class MissingPepper(Exception):
    """A stored hash needs a pepper that the environment does not have."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


UNUSABLE = (UnusableHash, MissingPepper, DecryptionFailed)
"""Why a stored hash cannot be checked."""


class HashOpener:
    """Creates checks of stored hashes; holds the environment that contains the peppers."""

    def __init__(self, environment: Mapping[str, str], keys: HashKeys = NO_KEYS) -> None:
        self._environment = environment
        self.keys = keys

    def open(self, kept: KeptHash) -> Check:
        """Return the check of a stored hash. Raises one of `UNUSABLE`."""
        return registry.check(self.read(kept))

    def read(self, kept: KeptHash) -> StoredHash:
        """Decrypt a stored hash, and add its recipe and pepper. Raises one of `UNUSABLE`."""
        try:
            text = self._decrypted(kept).decode("utf-8")
        except UnicodeDecodeError:
            raise MalformedHash("the stored hash is not text") from None
        recipe = recipe_from(kept.format, kept.parameters)
        return self.with_peppers(StoredHash(text, recipe, kept.salt, kept.username))

    def with_peppers(self, stored: StoredHash) -> StoredHash:
        """Add the peppers that the recipe names. Raises `MissingPepper`."""
        peppers = [self._pepper(name) for name in pepper_names(stored.recipe.pepper_env)]
        return replace(stored, pepper=peppers[0], more_peppers=tuple(peppers[1:])) if peppers else stored

    def _decrypted(self, kept: KeptHash) -> bytes:
        bound_to = b"" if kept.key_id is None else binding(kept.login_key, kept.source, kept.format, kept.parameters)
        return self.keys.decrypt(kept.hash, kept.key_id, bound_to)

    def stored_dummy_hash(self, recipe: KeptRecipe) -> KeptHash:
        """Return a recipe's dummy hash in the form of a stored hash, so that both take the same code path."""
        text, salt, username = (recipe.dummy_hash.get(name) for name in ("hash", "salt", "username"))
        bound_to = binding("", "", recipe.format, recipe.parameters)
        kept, key_id = self.keys.encrypt(str(text).encode(), bound_to)
        return KeptHash("", recipe.format, recipe.parameters, kept, salt, username, key_id, login_key="")

    def without_pepper(self, recipes: Iterable[KeptRecipe]) -> list[tuple[int, str]]:
        """Return the recipes whose pepper is not set, each with the name of its environment variable."""
        named = ((recipe.id, pepper_names(recipe.parameters.get("pepper_env"))) for recipe in recipes)
        return [(recipe_id, name) for recipe_id, names in named for name in names if self._pepper_value(name) is None]

    def _pepper_value(self, name: str) -> str | None:
        # Otherwise a row of the store could name a secret setting, and use it as the pepper of a chosen hash.
        return None if is_setting(name) else self._environment.get(name)

    def _pepper(self, name: str) -> bytes:
        value = self._pepper_value(name)
        if value is None:
            raise MissingPepper(name)
        return value.encode("utf-8", "surrogateescape")


def work_of(recipe: KeptRecipe) -> float:
    """Return the share of what one sign-in may cost that a hash of the recipe takes.

    It is that of the recipe's dummy hash, whatever the pepper. Infinity if it is too costly or violates its algorithm's
    rules: an older version accepted both, and they are answered 503.
    """
    fields: dict[str, Any] = {name: recipe.dummy_hash.get(name) for name in ("hash", "salt", "username")}
    peppers = [name.encode() for name in pepper_names(recipe.parameters.get("pepper_env"))]
    try:
        parsed = recipe_from(recipe.format, recipe.parameters)
        stored = StoredHash(
            recipe=parsed, pepper=peppers[0] if peppers else None, more_peppers=tuple(peppers[1:]), **fields
        )
        return registry.check(stored).work
    except UnusableHash:
        return math.inf


def pepper_names(pepper_env: str | None) -> list[str]:
    """Return the environment variables that `pepper_env` names, separated by blanks."""
    return (pepper_env or "").split()


def recipe_from(format_name: str, parameters: dict[str, Any]) -> Recipe:
    """Return the recipe that the store's columns describe."""
    return Recipe(format=format_name, **parameters)


def recipe_parameters(recipe: Recipe) -> dict[str, Any]:
    """Return the parameters that the store keeps of a recipe, besides the name of its format."""
    parameters = asdict(recipe)
    del parameters["format"]
    return {name: value for name, value in parameters.items() if value is not None and value != {}}


def dummy_hash_fields(dummy_hash: StoredHash) -> dict[str, Any]:
    """Return the fields that the store keeps of a dummy hash; a pepper is never stored."""
    fields = {"hash": dummy_hash.hash, "salt": dummy_hash.salt, "username": dummy_hash.username}
    return json.loads(json.dumps(fields))  # type: ignore[no-any-return]  # the input is a dictionary

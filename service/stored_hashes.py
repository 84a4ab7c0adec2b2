"""The check of a stored hash: recipe, pepper and decrypted hash put together."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from service.hashing import registry
from service.hashing.format import Check, MalformedHash, Recipe, StoredHash, UnusableHash
from service.store.accounts import KeptHash
from service.store.encryption import NO_KEYS, DecryptionFailed, HashKeys, binding
from service.store.recipes import KeptRecipe


class MissingPepper(Exception):
    """A stored hash needs a pepper that the environment does not have."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


UNUSABLE = (UnusableHash, MissingPepper, DecryptionFailed)
"""Why no check can be made of a stored hash."""


class HashOpener:
    """Makes checks of kept hashes; holds the environment in which the peppers are."""

    def __init__(self, environment: Mapping[str, str], keys: HashKeys = NO_KEYS) -> None:
        self._environment = environment
        self.keys = keys

    def open(self, kept: KeptHash) -> Check:
        """Make the check of a kept hash. Raises one of `UNUSABLE`."""
        return registry.check(self.read(kept))

    def read(self, kept: KeptHash) -> StoredHash:
        """Decrypt a kept hash, and add its recipe and pepper. Raises one of `UNUSABLE`."""
        try:
            text = self._decrypted(kept).decode("utf-8")
        except UnicodeDecodeError:
            raise MalformedHash("the stored hash is not text") from None
        recipe = recipe_from(kept.format, kept.parameters)
        pepper, *more = map(self._pepper, pepper_names(recipe.pepper_env)) if recipe.pepper_env else (None,)
        peppers = tuple(filter(None, more))
        return StoredHash(text, recipe, kept.salt, kept.username, pepper=pepper, more_peppers=peppers)

    def _decrypted(self, kept: KeptHash) -> bytes:
        bound_to = b"" if kept.key_id is None else binding(kept.login_key, kept.source, kept.format, kept.parameters)
        return self.keys.open(kept.hash, kept.key_id, bound_to)

    def stored_dummy_hash(self, recipe: KeptRecipe) -> KeptHash:
        """Make of a recipe's stand-in what is kept of an account's hash, so that it is opened in the same way."""
        text, salt, username = (recipe.dummy_hash.get(name) for name in ("hash", "salt", "username"))
        bound_to = binding("", "", recipe.format, recipe.parameters)
        kept, key_id = self.keys.encrypt(str(text).encode(), bound_to)
        return KeptHash("", recipe.format, recipe.parameters, kept, salt, username, key_id, login_key="")

    def missing_peppers(self, recipes: Iterable[KeptRecipe]) -> list[str]:
        """Name the environment variables that stored hashes need and that are not set."""
        named = {name for recipe in recipes for name in pepper_names(recipe.parameters.get("pepper_env"))}
        return sorted(named - self._environment.keys())

    def _pepper(self, name: str) -> bytes:
        value = self._environment.get(name)
        if value is None:
            raise MissingPepper(name)
        return value.encode("utf-8", "surrogateescape")


def pepper_names(pepper_env: str | None) -> list[str]:
    """Give the environment variables that `pepper_env` names, separated by blanks."""
    return (pepper_env or "").split()


def recipe_from(format_name: str, parameters: dict[str, Any]) -> Recipe:
    """Make a recipe of what the store keeps of it."""
    return Recipe(format=format_name, **parameters)


def recipe_parameters(recipe: Recipe) -> dict[str, Any]:
    """Give what the store keeps of a recipe beside the name of its format."""
    parameters = asdict(recipe)
    del parameters["format"]
    return {name: value for name, value in parameters.items() if value is not None and value != {}}


def dummy_hash_fields(dummy_hash: StoredHash) -> dict[str, Any]:
    """Give what the store keeps of a stand-in; a pepper is never kept."""
    fields = {"hash": dummy_hash.hash, "salt": dummy_hash.salt, "username": dummy_hash.username}
    return json.loads(json.dumps(fields))  # type: ignore[no-any-return]  # a dictionary went in

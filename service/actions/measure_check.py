"""How long a check takes here, and whether Okta could do it. Knows checks; knows no store."""

import time
from dataclasses import field

from service.immutable import immutable
from service.passwords.format import Check, MalformedHash, Recipe, StoredHash, UnusableHash
from service.passwords.okta_native import NotNative, native_hash
from service.passwords.registry import candidates, check

ENOUGH = 0.05
"""Seconds of measuring after which a check's time is known well enough."""
MOST = 5
"""Measurements of one check."""
TRIED = "not the password of anybody"
WHY_NOT = {
    NotNative.ALGORITHM: "Okta does not compute this function",
    NotNative.COMPOSITION: "Okta hashes the password and one salt, once; this is iterated, nested or keyed",
    NotNative.CHARSET: "the store did not hash UTF-8",
    NotNative.AMBIGUOUS: "it may mean two things",
    NotNative.ITERATIONS: "Okta wants 4,096 iterations of PBKDF2 at least, and a work factor of bcrypt up to 20",
}


@immutable
class Identified:
    """A hash as one format reads it."""

    format: str
    cost: str | None = None
    milliseconds: float | None = None
    okta: dict[str, str | int] | None = field(default=None, repr=False)
    """`credentials.password.hash`, where Okta could import the hash itself."""
    not_okta: str | None = None
    """Why it could not."""
    fault: str | None = None
    """Why the hash can't be checked."""


def measure(found: Check) -> float:
    """Give the milliseconds that a check takes here: the least of some runs."""
    best, spent = float("inf"), 0.0
    for _ in range(MOST):
        started = time.perf_counter()
        found.verify(TRIED)
        seconds = time.perf_counter() - started
        best, spent = min(best, seconds), spent + seconds
        if spent > ENOUGH:
            break
    return best * 1000


def identify_hash(
    text: str, recipe: Recipe, salt: str | None, username: str | None, pepper: bytes | None
) -> list[Identified]:
    """Read a hash as the format that the recipe names, else as every format that has its shape."""
    names = [recipe.format] if recipe.format else [each.name for each in candidates(text)]
    return [_identified(StoredHash(text, _named(recipe, name), salt, username, pepper)) for name in names]


def _identified(stored: StoredHash) -> Identified:
    name = stored.recipe.format
    try:
        found = check(stored)
    except (MalformedHash, UnusableHash) as error:
        return Identified(name, fault=str(error))
    native = native_hash(found)
    if isinstance(native, NotNative):
        return Identified(name, found.cost, measure(found), not_okta=WHY_NOT[native])
    return Identified(name, found.cost, measure(found), okta=native)


def _named(recipe: Recipe, name: str) -> Recipe:
    return Recipe(name, recipe.charset, recipe.pepper_env, recipe.iterations, recipe.salt_encoding, recipe.options)

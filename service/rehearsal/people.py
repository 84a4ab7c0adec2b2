"""Invented people with the formats and costs of what is loaded, and what their sign-ins cost."""

import random
import secrets
from collections.abc import Mapping, Sequence

from service.hashing.format import Check
from service.hashing.pool import HashingPool
from service.immutable import immutable
from service.store.recipes import KeptRecipe
from service.store.rehearsals import DOMAIN, RehearsalPerson
from service.stored_hashes import UNUSABLE, HashOpener

MOST = 10_000
"""People of one rehearsal; where more sign-ins are due, they come again in turn."""
MEASURED = 20
"""Recipes whose cost is measured, those with the most hashes first."""


def invent(mix: Mapping[int, int], number: int) -> list[RehearsalPerson]:
    """Invent people whose recipes are in the proportions of `mix` (hashes by recipe id), in random order."""
    recipes = _spread(mix, number)
    random.shuffle(recipes)
    name = secrets.token_hex(4)
    return [
        RehearsalPerson(f"person-{index}@{name}{DOMAIN}", secrets.token_urlsafe(16), recipe)
        for index, recipe in enumerate(recipes)
    ]


def _spread(mix: Mapping[int, int], number: int) -> list[int]:
    """Return each recipe its share of `number`, by the largest remainders."""
    total = sum(mix.values())
    shares = {recipe: number * hashes / total for recipe, hashes in mix.items()}
    counts = {recipe: int(share) for recipe, share in shares.items()}
    by_remainder = sorted(shares, key=lambda recipe: counts[recipe] - shares[recipe])
    for recipe in by_remainder[: number - sum(counts.values())]:
        counts[recipe] += 1
    return [recipe for recipe, count in counts.items() for _ in range(count)]


@immutable
class Cost:
    """What a sign-in costs on this machine."""

    core_seconds: float
    """The mean over the measured recipes, in their proportions."""
    share: float
    """Of the hashes whose recipe was measured: all but those with a pepper that is not set here, or a rare recipe."""

    def cores(self, rate: float) -> float:
        """Return the cores that so many sign-ins a second keep busy."""
        return rate * self.core_seconds


async def measure(
    pool: HashingPool, opener: HashOpener, recipes: Sequence[KeptRecipe], mix: Mapping[int, int]
) -> Cost | None:
    """Measure what a sign-in costs here, all cores being busy; None if no recipe can be opened."""
    usual = sorted((each for each in recipes if mix.get(each.id)), key=lambda each: -mix[each.id])[:MEASURED]
    checks = {each.id: check for each in usual if (check := _check(opener, each)) is not None}
    await pool.warm({check.cost: check for check in checks.values()}.values())
    seconds = {recipe: pool.core_seconds(check) or 0.0 for recipe, check in checks.items()}
    hashes = sum(mix[recipe] for recipe in seconds)
    if not hashes:
        return None
    return Cost(sum(mix[recipe] * each for recipe, each in seconds.items()) / hashes, hashes / sum(mix.values()))


def _check(opener: HashOpener, recipe: KeptRecipe) -> Check | None:
    try:
        return opener.open(opener.stored_dummy_hash(recipe))
    except UNUSABLE:
        return None

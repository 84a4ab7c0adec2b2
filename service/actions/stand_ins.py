"""The check that is run where there is no hash to check, so that time does not tell who has an account.

For each login it is always the same one, chosen by a keyed digest from the formats and costs that were loaded, in their
proportions: asking twice gives no second sample.
"""

import bisect
import hashlib
import hmac
import itertools
from collections.abc import Sequence

from service.accounts import recipes
from service.actions.open_hashes import HashOpener, MissingPepper
from service.passwords.format import Check, Lane, Recipe, StoredHash, UnusableHash
from service.passwords.registry import check

EMPTY_STORE = "$2b$10$abcdefghijklmnopqrstuuOnA5Ur8fKuy3VTcScDQ2vqfKBcEnQpK"
"""Checked where no recipe is known: bcrypt at cost 10 is what most stores hold. Nobody's: the digest is invented."""


FEW = 8
"""Costs; stores that vary their rounds at random have thousands."""


class StandIns:
    """Chooses a stand-in for each login."""

    def __init__(self, key: bytes, checks: Sequence[Check], weights: Sequence[int]) -> None:
        self._key = key
        self._checks = checks
        self._bounds = list(itertools.accumulate(weights))
        by_cost = {check.cost: check for check in checks}
        is_known = len(by_cost) <= FEW and all(check.lane is not Lane.INLINE for check in checks)
        self.kinds: Sequence[Check] = tuple(by_cost.values()) if is_known else ()
        """One check of each cost that the store has, where they are few and all need the pool; else none."""

    def choose(self, login_key: str) -> Check:
        """Give the stand-in of a login; the same one each time, on every replica."""
        digest = hmac.digest(self._key, login_key.encode("utf-8", "surrogatepass"), hashlib.sha256)
        point = int.from_bytes(digest[:8]) * self._bounds[-1] >> 64
        return self._checks[bisect.bisect_right(self._bounds, point)]

    @property
    def checks(self) -> Sequence[Check]:
        """All of them: what a pool may warm itself with."""
        return self._checks


def load_stand_ins(key: bytes, kept: Sequence[recipes.KeptRecipe], opener: HashOpener) -> StandIns:
    """Make the stand-ins of the recipes that hashes were loaded with; one that can't be opened stands for nobody."""
    opened = [(_open(opener, recipe), recipe.hashes_loaded) for recipe in kept]
    weighted = [(found, weight) for found, weight in opened if found is not None and weight > 0]
    if not weighted:
        return StandIns(key, [check(StoredHash(EMPTY_STORE, Recipe("bcrypt")))], [1])
    return StandIns(key, [found for found, _ in weighted], [weight for _, weight in weighted])


def _open(opener: HashOpener, recipe: recipes.KeptRecipe) -> Check | None:
    try:
        return opener.open_stand_in(recipe)
    except (UnusableHash, MissingPepper):
        return None

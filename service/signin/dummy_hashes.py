"""Dummy hashes, checked where there is no hash, so that response times do not reveal who has an account.

For each login it is always the same one, chosen by a keyed digest from the formats and costs that were loaded, in their
proportions: asking twice gives no second sample.
"""

import bisect
import itertools
from collections.abc import Sequence

from service.hashing.format import Check, Executor
from service.store import recipes
from service.store.accounts import Account, KeptHash, State
from service.stored_hashes import UNUSABLE, HashOpener

EMPTY_STORE = recipes.KeptRecipe(
    0, "bcrypt", {}, "bcrypt 10", {"hash": "$2b$10$abcdefghijklmnopqrstuuOnA5Ur8fKuy3VTcScDQ2vqfKBcEnQpK"}, 1
)
"""Checked where no recipe is known: bcrypt at cost 10 is what most stores hold. Nobody's: the digest is invented."""


FEW = 8
"""Costs; stores that vary their rounds at random have thousands."""


class DummyHashes:
    """Chooses a dummy hash for each login."""

    def __init__(self, opener: HashOpener, dummy_hashes: Sequence[tuple[KeptHash, int]]) -> None:
        self._opener = opener
        self._kept = [kept for kept, _ in dummy_hashes]
        self._bounds = list(itertools.accumulate(weight for _, weight in dummy_hashes))
        self.checks: Sequence[Check] = [opener.open(kept) for kept in self._kept]
        """All of them: what a pool may warm itself with."""
        by_cost = {check.cost: check for check in self.checks}
        is_known = len(by_cost) <= FEW and all(check.executor is not Executor.INLINE for check in self.checks)
        self.kinds: Sequence[Check] = tuple(by_cost.values()) if is_known else ()
        """One check of each cost that the store has, where they are few and all need the pool; else none."""

    def choose(self, login_key: str, login_digest: bytes) -> Account:
        """Return the dummy hash of a login by its keyed digest; the same one each time, on every replica.

        It is made anew, and to be opened anew, at each call, as a read makes an account: that takes time, too. For the
        same reason the digest is the one under which failures are counted, which every call needs.
        """
        point = int.from_bytes(login_digest[:8]) * self._bounds[-1] >> 64
        one = self._kept[bisect.bisect_right(self._bounds, point)]
        kept = KeptHash(
            source=one.source,
            format=one.format,
            parameters=one.parameters,
            hash=one.hash,
            salt=one.salt,
            username=one.username,
            key_id=one.key_id,
            login_key=one.login_key,
        )
        return Account(0, State.WAITING, login_key, (kept,))


def load_dummy_hashes(kept: Sequence[recipes.KeptRecipe], opener: HashOpener) -> DummyHashes:
    """Make the dummy hashes of the recipes that hashes were loaded with, without the too costly and broken."""
    dummy_hashes = [
        (opener.stored_dummy_hash(recipe), recipe.hashes_loaded) for recipe in kept if recipe.hashes_loaded > 0
    ]
    usable = [(found, weight) for found, weight in dummy_hashes if _opens(opener, found)]
    return DummyHashes(opener, usable or [(opener.stored_dummy_hash(EMPTY_STORE), 1)])


def _opens(opener: HashOpener, kept: KeptHash) -> bool:
    try:
        opener.open(kept)
    except UNUSABLE:
        return False
    return True

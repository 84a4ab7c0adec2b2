"""Dummy hashes, checked if there is no stored hash, so that response times do not reveal who has an account.

For each login it is always the same one, chosen by a keyed digest from the loaded formats and costs, in proportion to
their numbers, so repeated calls reveal nothing more.
"""

import bisect
import itertools
from collections.abc import Sequence

from service.hashing.executor import Executor
from service.hashing.format import Check
from service.store import recipes
from service.store.accounts import Account, KeptHash, State
from service.stored_hashes import UNUSABLE, HashOpener

EMPTY_STORE = recipes.KeptRecipe(
    0, "bcrypt", {}, "bcrypt 10", {"hash": "$2b$10$abcdefghijklmnopqrstuuOnA5Ur8fKuy3VTcScDQ2vqfKBcEnQpK"}, 1
)
"""Checked if no recipe is known: bcrypt at cost 10 is what most stores use. The digest is invented."""


FEW = 8
"""Maximum number of costs; stores with random rounds have thousands."""


class DummyHashes:
    """Chooses a dummy hash for each login."""

    def __init__(self, opener: HashOpener, dummy_hashes: Sequence[tuple[KeptHash, int]]) -> None:
        self._opener = opener
        self._kept = [kept for kept, _ in dummy_hashes]
        self._bounds = list(itertools.accumulate(weight for _, weight in dummy_hashes))
        self.checks: Sequence[Check] = [opener.open(kept) for kept in self._kept]
        """All of them, for warming up the pool."""
        by_cost = {check.cost: check for check in self.checks}
        is_known = len(by_cost) <= FEW and all(check.executor is not Executor.INLINE for check in self.checks)
        self.kinds: Sequence[Check] = tuple(by_cost.values()) if is_known else ()
        """One check of each of the store's costs, if they are few and all need the pool; otherwise empty."""

    def choose(self, login_key: str, login_digest: bytes) -> Account:
        """Return the dummy hash of a login by its keyed digest; always the same one, on every replica.

        It is created at each call, and must be decrypted again, because reading a real account takes that time too. For
        the same reason it uses the digest under which failures are counted, which every call computes.
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
    """Create the dummy hashes of the loaded recipes, except too costly and invalid ones."""
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

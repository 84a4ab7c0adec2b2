"""The one way by which the bytes of a hash go into the store. Knows no format."""

from collections.abc import Mapping, Sequence
from typing import Any

from service.accounts.loading.staged import StagedAccount
from service.accounts.sealing import DecryptionFailed, HashKeys, bound_to, recipe_context


class HashEncrypter:
    """Seals the hashes of one load of one source."""

    def __init__(self, keys: HashKeys, source: str) -> None:
        self._keys = keys
        self.source = source
        self._contexts: dict[int, bytes] = {}

    @property
    def is_on(self) -> bool:
        """Tell whether hashes are encrypted."""
        return self._keys.active is not None

    def learn(self, recipe: int, format_name: str, parameters: Mapping[str, Any]) -> None:
        """Take note of a recipe by the number that this load gives it."""
        self._contexts[recipe] = recipe_context(self.source, format_name, parameters)

    def encrypt(self, accounts: Sequence[StagedAccount]) -> Sequence[StagedAccount]:
        """Give the accounts with their hashes as they are to be kept.

        The same hash always gives the same bytes under one key: a load compares them to see what changed.
        """
        return [self._encrypted(account) for account in accounts] if self.is_on else accounts

    def is_same(self, account: StagedAccount, kept: bytes, key_id: str | None) -> bool:
        """Tell whether a kept hash, under whichever key, is the one of a row. One that can't be opened is not."""
        if account.recipe is None or account.hash is None:
            return False
        if key_id == account.key_id:
            return kept == account.hash
        context = bound_to(account.login_key, self._contexts[account.recipe])
        try:
            return self._keys.open(kept, key_id, context) == self._keys.open(account.hash, account.key_id, context)
        except DecryptionFailed:
            return False

    def _encrypted(self, account: StagedAccount) -> StagedAccount:
        if account.recipe is None or account.hash is None:
            return account
        kept, key_id = self._keys.encrypt(account.hash, bound_to(account.login_key, self._contexts[account.recipe]))
        return account._replace(hash=kept, key_id=key_id)

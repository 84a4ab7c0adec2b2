"""Which kept hashes Okta can check itself, and what it is sent for them. Knows no account and no HTTP."""

from collections.abc import Mapping, Sequence
from typing import Any

from service.accounts.account import KeptHash
from service.actions.open_hashes import UNUSABLE, HashOpener
from service.actions.plan_requests import Direct
from service.passwords.okta_native import NotNative, native_hash


def direct_import(opener: HashOpener) -> Direct:
    """Give what turns an account's hashes into `credentials.password.hash`."""

    def native(hashes: Sequence[KeptHash]) -> Mapping[str, Any] | None:
        # Okta takes one hash; whoever has two might use either password, which only the hook can tell.
        if len(hashes) != 1:
            return None
        try:
            found = native_hash(opener.open(hashes[0]))
        except UNUSABLE:
            return None
        return None if isinstance(found, NotNative) else found

    return native

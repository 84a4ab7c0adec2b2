"""Users who are not in the org: collected, and refused where they are too many. Asks nobody, and retires nobody."""

from datetime import datetime

from service.accounts.retiring import ArmedAccount
from service.actions.retire_accounts import Judged
from service.policies.retiring import judge_missing

MOST_MISSING = 0.1
"""The share of accounts beyond which missing users mean another org, or a mistake, rather than deletions."""
FEW = 10
"""So many may be missing whatever their share."""


class TooManyMissing(Exception):
    """So many users do not exist in the org that it is probably another one; nothing was retired for it."""


class MissingUsers:
    """Those of one comparison, of `bound` accounts; `allow_any` takes them however many they are."""

    def __init__(self, bound: int, *, allow_any: bool) -> None:
        self.allowed = max(FEW, int(bound * MOST_MISSING))
        self.allow_any = allow_any
        self._gone: list[Judged] = []

    def __len__(self) -> int:
        return len(self._gone)

    def add(self, account: ArmedAccount, now: datetime) -> None:
        """Take up an account whose user is missing. Raises `TooManyMissing`."""
        okta_id = account.okta_id or ""
        self._gone.append((account.id, account.okta_id, judge_missing(okta_id, now)))
        if len(self) > self.allowed and not self.allow_any:
            raise TooManyMissing

    def judged(self, *, known: int) -> list[Judged]:
        """Give them all, of an org in which so many others are known. Raises `TooManyMissing` where nobody is."""
        if self._gone and not known and not self.allow_any:
            raise TooManyMissing
        return self._gone

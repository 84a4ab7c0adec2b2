"""Forget hashes that are of no use any more, each with its recorded proof, in transactions of their own."""

from collections import Counter
from collections.abc import Sequence

from service.accounts.database import Database
from service.accounts.retiring import Retired, retire
from service.policies.retiring import Proof, Retirement

Judged = tuple[int, str | None, Retirement]
"""An account, the Okta id that it was judged by, and why its hash is of no use."""

SLICE = 500
"""Accounts in one transaction, so that nobody waits long for their rows."""


async def retire_accounts(database: Database, judged: Sequence[Judged]) -> Counter[Proof]:
    """Retire accounts that were judged by their Okta ids; those that changed since are left alone."""
    retired: Counter[Proof] = Counter()
    for start in range(0, len(judged), SLICE):
        part = judged[start : start + SLICE]
        proofs = {account_id: retirement.proof for account_id, _, retirement in part}
        async with database.transaction() as connection:
            held = await retire(connection, [Retired(own, okta_id, str(why)) for own, okta_id, why in part])
        retired += Counter(proofs[account_id] for account_id in held)
    return retired

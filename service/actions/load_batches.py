"""Rows in batches, each read and judged as far as that goes without the store. Knows no SQL."""

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from service.accounts.loading.seal import HashEncrypter
from service.accounts.loading.staged import StagedAccount
from service.actions.read_account import AccountReader
from service.actions.refusal import Reason, RejectedRow
from service.actions.resolve_hash import HashResolver, NewRecipe
from service.legacy.rows import FaultyRow, Row

BATCH = 5000
"""Rows in one transaction, which holds up whoever binds accounts for as long as it takes: some hundred milliseconds."""
BATCH_BYTES = 1 << 25
"""Bytes of the export after which a batch ends with fewer rows: directories keep photographs in their entries."""
PIECE = 50
"""Rows between two looks at the bytes."""


@dataclass(slots=True)
class Batch:
    """Some rows, read."""

    rows: list[Row | FaultyRow]
    accounts: Sequence[StagedAccount] = ()
    """Sealed, where hashes are encrypted."""
    refusals: list[tuple[Row | FaultyRow, RejectedRow]] = field(default_factory=list)
    recipes: list[NewRecipe] = field(default_factory=list)
    """Those that no earlier batch had."""
    numbers: Counter[int | None] = field(default_factory=Counter)
    """How many of the accounts have a hash of which recipe, and how many have none."""


class BatchReader:
    """Makes batches of the rows of one load."""

    def __init__(
        self,
        rows: Iterator[Row | FaultyRow],
        resolver: HashResolver,
        encrypter: HashEncrypter,
        consumed: Callable[[], int] = lambda: 0,
    ) -> None:
        """Read `rows`; `consumed` tells the bytes that were taken for them so far."""
        self._rows = rows
        self._consumed = consumed
        self._resolver = resolver
        self._sealer = encrypter
        self._reader = AccountReader(resolver)

    def next(self) -> Batch | None:
        """Read the next batch; None at the end. Blocks; raises `UnreadableFile`."""
        rows = self._some()
        if not rows:
            return None
        batch = Batch(rows)
        accounts = _distinct(self._read(batch), batch)
        batch.recipes, self._resolver.new = self._resolver.new, []
        for recipe in batch.recipes:
            self._sealer.learn(recipe.number, recipe.format, recipe.parameters)
        batch.accounts = self._sealer.encrypt(accounts)
        batch.numbers = Counter([account.recipe for account in accounts])
        return batch

    @property
    def long_logins(self) -> int:
        """How many logins so far are longer than Okta takes."""
        return self._reader.long_logins

    def _some(self) -> list[Row | FaultyRow]:
        rows: list[Row | FaultyRow] = []
        begin = self._consumed()
        while len(rows) < BATCH and self._consumed() - begin < BATCH_BYTES:
            piece = list(itertools.islice(self._rows, min(PIECE, BATCH - len(rows))))
            if not piece:
                break
            rows += piece
        return rows

    def _read(self, batch: Batch) -> list[StagedAccount]:
        accounts, read = [], self._reader.read
        for row in batch.rows:
            if isinstance(row, FaultyRow):
                batch.refusals.append((row, RejectedRow(Reason.UNREADABLE, row.fault)))
                continue
            try:
                accounts.append(read(row))
            except RejectedRow as refusal:
                batch.refusals.append((row, refusal))
        return accounts


def _distinct(accounts: list[StagedAccount], batch: Batch) -> list[StagedAccount]:
    """Refuse accounts whose login or Okta id an earlier row of the batch has."""
    okta_ids = [account.okta_id for account in accounts if account.okta_id is not None]
    if len({account.login_key for account in accounts}) == len(accounts) and len(set(okta_ids)) == len(okta_ids):
        return accounts
    kept, logins, lines = [], dict[str, int](), dict[str | None, int]()
    rows = {row.line: row for row in batch.rows}
    for account in accounts:
        if account.login_key in logins:
            refusal = RejectedRow(Reason.SAME_LOGIN, f"see line {logins[account.login_key]}")
        elif account.okta_id is not None and account.okta_id in lines:
            refusal = RejectedRow(Reason.OKTA_ID_TAKEN, f"see line {lines[account.okta_id]}")
        else:
            logins[account.login_key] = lines[account.okta_id] = account.line
            kept.append(account)
            continue
        batch.refusals.append((rows[account.line], refusal))
    return kept

"""Rows in batches, each read and judged as far as that goes without the store. Knows no SQL."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

from service.accounts.loading.staged import StagedAccount
from service.actions.read_account import AccountReader
from service.actions.refusal import Reason, Refusal
from service.actions.resolve_hash import HashResolver, NewRecipe
from service.legacy.rows import FaultyRow, Row

BATCH = 5000
"""Rows in one transaction, which holds up whoever binds accounts for as long as it takes: some hundred milliseconds."""


@dataclass(slots=True)
class Batch:
    """Some rows, read."""

    rows: int = 0
    accounts: list[StagedAccount] = field(default_factory=list)
    refusals: list[tuple[Row | FaultyRow, Refusal]] = field(default_factory=list)
    by_line: dict[int, Row] = field(default_factory=dict)
    """The rows of the accounts, for the rejects file, should the store refuse them."""
    recipes: list[NewRecipe] = field(default_factory=list)


class BatchReader:
    """Makes batches of the rows of one load."""

    def __init__(self, rows: Iterator[Row | FaultyRow], resolver: HashResolver) -> None:
        self._rows = rows
        self._resolver = resolver
        self._reader = AccountReader(resolver)

    def next(self) -> Batch | None:
        """Read the next batch; None at the end. Blocks; raises `UnreadableFile`."""
        rows = list(itertools.islice(self._rows, BATCH))
        if not rows:
            return None
        batch = Batch(len(rows))
        logins: dict[str, int] = {}
        okta_ids: dict[str, int] = {}
        for row in rows:
            try:
                self._add(batch, row, logins, okta_ids)
            except Refusal as refusal:
                batch.refusals.append((row, refusal))
        batch.recipes, self._resolver.new = self._resolver.new, []
        return batch

    @property
    def long_logins(self) -> int:
        """How many logins so far are longer than Okta takes."""
        return self._reader.long_logins

    def _add(self, batch: Batch, row: Row | FaultyRow, logins: dict[str, int], okta_ids: dict[str, int]) -> None:
        if isinstance(row, FaultyRow):
            raise Refusal(Reason.UNREADABLE, row.fault)
        account = self._reader.read(row)
        if account.login_key in logins:
            raise Refusal(Reason.SAME_LOGIN, f"see line {logins[account.login_key]}")
        if account.okta_id is not None:
            if account.okta_id in okta_ids:
                raise Refusal(Reason.OKTA_ID_TAKEN, f"see line {okta_ids[account.okta_id]}")
            okta_ids[account.okta_id] = row.line
        logins[account.login_key] = row.line
        batch.accounts.append(account)
        batch.by_line[row.line] = row

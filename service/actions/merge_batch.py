"""Merge one batch into the store, in one transaction, or tell what that would do. Knows no file and no SQL.

The transaction holds the binding gate, so that a SUCCESS for one of its accounts is either applied here or finds the
account. Unknown accounts go straight into the tables; known ones are staged and compared. After a batch of which the
store knew nobody the next one is taken to be unknown, too, without a look: should it not be, a unique index says so,
and the batch begins again.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import asyncpg

from service.accounts.audit import record_changed, record_loaded
from service.accounts.deleted import deleted_logins
from service.accounts.loading import match, merge
from service.accounts.loading.add import add_accounts, known_logins, known_okta_ids
from service.accounts.loading.match import Fate, RefusedRow
from service.accounts.loading.seal import Sealer
from service.accounts.loading.staged import StagedAccount, stage
from service.accounts.tombstones import Gate, pass_gate
from service.actions.record_events import apply_set_aside
from service.actions.refusal import Reason, Refusal
from service.policies.forgetting import Effect
from service.settings import ForgetWhen

REASONS = {
    Fate.SAME_LOGIN: Reason.SAME_LOGIN,
    Fate.OTHER_SPELLING: Reason.OTHER_SPELLING,
    Fate.OTHER_OKTA_ID: Reason.OTHER_OKTA_ID,
    Fate.OKTA_ID_TAKEN: Reason.OKTA_ID_TAKEN,
}

MOST_LOOKS = 6
"""An export whose later rows repeat earlier ones is looked up after all, but for one batch in 2⁶: each surprise costs
the work of a batch, and a line in PostgreSQL's log."""


@dataclass(slots=True)
class Merged:
    """What became of a batch."""

    fates: Counter[Fate] = field(default_factory=Counter)
    refused: list[tuple[int, Refusal]] = field(default_factory=list)
    """By line."""
    effects: Counter[Effect] = field(default_factory=Counter)
    """What import events did that had come before their accounts."""
    added: list[int] = field(default_factory=list)


@dataclass(slots=True)
class BatchMerger:
    """Merges the batches of one load."""

    connection: asyncpg.Connection
    source_id: int
    deleted_key: bytes = field(repr=False)
    forget_when: ForgetWhen
    sealer: Sealer
    recipe_ids: dict[int, int] = field(default_factory=dict)
    """By the numbers that this load gives them."""
    _own: list[asyncpg.Range[int]] = field(default_factory=list)
    """The ids of the accounts that this load added: nobody else adds any while the gate is held."""
    _looks: int = 1
    """How many batches of unknown accounts alone it still takes until one is added without a look."""
    _surprises: int = 0

    async def merge(self, accounts: Sequence[StagedAccount]) -> Merged:
        """Write a batch. Raises what PostgreSQL raises; then nothing is written."""
        if self._looks == 0:
            try:
                return await self._merge(accounts, look=False)
            except asyncpg.UniqueViolationError:
                self._surprises += 1
                self._looks = 2 ** min(self._surprises, MOST_LOOKS)
        return await self._merge(accounts, look=True)

    async def _merge(self, accounts: Sequence[StagedAccount], *, look: bool) -> Merged:
        merged, known = Merged(), list[StagedAccount]()
        async with self.connection.transaction():
            await pass_gate(self.connection, Gate.CLOSED)
            if look:
                unknown, known = await self._separate(accounts, merged)
            else:
                unknown = await self._without_deleted(accounts, merged)
            loaded = await self._add(unknown, merged)
            bound = await self._update(known, merged, loaded) if known else ()
            if loaded:
                await merge.count_loaded(self.connection, loaded)
            merged.effects = await apply_set_aside(self.connection, [*merged.added, *bound], self.forget_when)
        self._remember(merged.added)
        if look and not known:
            self._looks -= 1
        return merged

    async def _add(self, unknown: Sequence[StagedAccount], merged: Merged) -> Counter[int]:
        """Add accounts; give the number of their hashes by recipe."""
        if not unknown:
            return Counter()
        merged.added = await add_accounts(self.connection, unknown, self.source_id, self.recipe_ids)
        await record_loaded(self.connection, self.sealer.source, merged.added)
        merged.fates[Fate.NEW] += len(unknown)
        loaded = Counter[int]()
        for number, count in Counter([each.recipe for each in unknown]).items():
            if number is not None:  # several may be one recipe to the store
                loaded[self.recipe_ids[number]] += count
        return loaded

    async def foresee(self, accounts: Sequence[StagedAccount]) -> Merged:
        """Tell what `merge` would do; writes nothing but temporary tables."""
        merged = Merged()
        async with self.connection.transaction():
            _, known = await self._separate(accounts, merged, keep_unknown=True)
            await self._stage(known)
            await match.match(self.connection, self.source_id, self._own)
            await match.foresee(self.connection)
            await self._conclude(merged)
        return merged

    async def _separate(
        self, accounts: Sequence[StagedAccount], merged: Merged, *, keep_unknown: bool = False
    ) -> tuple[Sequence[StagedAccount], list[StagedAccount]]:
        """Tell the accounts that are to be added from those to be compared; leave the deleted ones out."""
        logins = await known_logins(self.connection, [each.login_key for each in accounts])
        known = [each for each in accounts if each.login_key in logins]
        unknown = [each for each in accounts if each.login_key not in logins] if known else accounts
        unknown = await self._without_deleted(unknown, merged)
        if keep_unknown:
            return [], [*known, *unknown]
        okta_ids = [each.okta_id for each in unknown if each.okta_id is not None]
        taken = await known_okta_ids(self.connection, okta_ids) if okta_ids else frozenset()
        merged.refused += [(each.line, Refusal(Reason.OKTA_ID_TAKEN)) for each in unknown if each.okta_id in taken]
        return (
            [each for each in unknown if each.okta_id not in taken] if taken else unknown,
            known,
        )

    async def _without_deleted(self, accounts: Sequence[StagedAccount], merged: Merged) -> Sequence[StagedAccount]:
        """Leave out whom an operator deleted."""
        deleted = await deleted_logins(self.connection, [each.login_key for each in accounts], self.deleted_key)
        if not deleted:
            return accounts
        merged.fates[Fate.DELETED] += len(deleted)
        return [each for each in accounts if each.login_key not in deleted]

    async def _update(self, known: Sequence[StagedAccount], merged: Merged, loaded: Counter[int]) -> Sequence[int]:
        """Bring known accounts up to date; give those whose Okta id is new."""
        await self._stage(known)
        changed = await match.match(self.connection, self.source_id, self._own)
        bound: Sequence[int] = ()
        if changed:
            kept = await merge.hold(self.connection, self.source_id, changed)
            if self.sealer.is_on and self._same(known, kept):
                raise merge.AccountsChanged
            bound = await merge.change(self.connection, self.source_id)
            await record_changed(self.connection, self.sealer.source)
            loaded += await merge.rehashed(self.connection)
        await self._conclude(merged)
        return bound

    async def _stage(self, known: Sequence[StagedAccount]) -> None:
        """Stage accounts; a hash that is kept under another key, and is the same, has not changed."""
        await stage(self.connection, known)
        if self.sealer.is_on:
            others = await match.under_other_keys(self.connection, self.source_id)
            await match.take_kept(self.connection, self.source_id, self._same(known, others))

    def _same(self, known: Sequence[StagedAccount], kept: Sequence[tuple[int, bytes, str | None]]) -> list[int]:
        """Give the lines of the accounts whose kept hash, under whichever key, is the one of the row."""
        by_line = {each.line: each for each in known}
        return [line for line, text, key_id in kept if self.sealer.is_same(by_line[line], text, key_id)]

    async def _conclude(self, merged: Merged) -> None:
        await match.touch(self.connection)
        found = await match.fates(self.connection)
        merged.fates.update({fate: number for fate, number in found.items() if not fate.is_refusal})
        if any(fate.is_refusal for fate in found):
            merged.refused += [(each.line, _refusal(each)) for each in await match.refused(self.connection)]

    def _remember(self, added: Sequence[int]) -> None:
        if not added:
            return
        first, end = min(added), max(added) + 1
        if self._own and self._own[-1].upper == first:
            self._own[-1] = asyncpg.Range(self._own[-1].lower, end)
        else:
            self._own.append(asyncpg.Range(first, end))


def _refusal(refused: RefusedRow) -> Refusal:
    return Refusal(REASONS[refused.fate], f"{refused.kept_login!r} is in the store" if refused.kept_login else "")

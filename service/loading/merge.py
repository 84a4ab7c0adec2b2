"""The merge of one batch into the store, in one transaction, and its dry run.

The transaction holds the binding lock, so a SUCCESS for one of its accounts is either applied here or finds the
account. New accounts are written directly to the tables; known ones are staged and compared. After a batch that
contained only new accounts the next one is inserted without a look-up; if it does contain a known account, a unique
index reports that, and the batch begins again.
"""

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import asyncpg

from service.hashing.limits import MAX_WORK
from service.import_events.decide import Effect
from service.import_events.queries import BindingLock, acquire_binding_lock
from service.import_events.record import apply_unmatched
from service.loading import queries
from service.loading.queries import (
    RejectedStagedRow,
    RowOutcome,
    add_accounts,
    known_logins,
    known_okta_ids,
    refused,
    row_outcomes,
    touch,
)
from service.loading.reject import Reason, RejectedRow
from service.loading.staging import HashEncrypter, StagedAccount, dry_run, stage, take_kept, under_other_keys
from service.settings import ForgetWhen
from service.store import recipes
from service.store.audit import record_changed, record_loaded
from service.store.deleted_logins import deleted_logins
from service.store.hash_keys import record_use
from service.store.okta_logins import settle_logins
from service.stored_hashes import work_of

# The outcomes of a batch's rows, and the reasons of rejected ones. Writes only what later batches look up.

REASONS = {
    RowOutcome.SAME_LOGIN: Reason.SAME_LOGIN,
    RowOutcome.OTHER_SPELLING: Reason.OTHER_SPELLING,
    RowOutcome.OTHER_OKTA_ID: Reason.OTHER_OKTA_ID,
    RowOutcome.OKTA_ID_TAKEN: Reason.OKTA_ID_TAKEN,
}


@dataclass(slots=True)
class Merged:
    """The result of merging a batch."""

    row_outcomes: Counter[RowOutcome] = field(default_factory=Counter)
    refused: list[tuple[int, RejectedRow]] = field(default_factory=list)
    """By line."""
    effects: Counter[Effect] = field(default_factory=Counter)
    """The effects of import events that arrived before their accounts."""
    added: list[int] = field(default_factory=list)


async def conclude(connection: asyncpg.Connection, merged: Merged) -> None:
    """Count the outcomes of the staged rows, list the rejected ones, and record which accounts were found."""
    await touch(connection)
    found = await row_outcomes(connection)
    merged.row_outcomes.update({outcome: number for outcome, number in found.items() if not outcome.is_rejected})
    if any(outcome.is_rejected for outcome in found):
        merged.refused += [(each.line, _refusal(each)) for each in await refused(connection)]


def _refusal(refused: RejectedStagedRow) -> RejectedRow:
    return RejectedRow(
        REASONS[refused.outcome], f"{refused.kept_login!r} is already in the store" if refused.kept_login else ""
    )


# The separation of new accounts from known ones.


async def separate(
    connection: asyncpg.Connection, accounts: Sequence[StagedAccount], merged: Merged, deleted_key: bytes
) -> tuple[Sequence[StagedAccount], list[StagedAccount]]:
    """Return the accounts whose login is unknown, without the deleted ones, and those that are stored."""
    logins = await known_logins(connection, [each.login_key for each in accounts])
    known = [each for each in accounts if each.login_key in logins]
    unknown = [each for each in accounts if each.login_key not in logins] if known else accounts
    return await without_deleted(connection, unknown, merged, deleted_key), known


async def without_deleted(
    connection: asyncpg.Connection, accounts: Sequence[StagedAccount], merged: Merged, deleted_key: bytes
) -> Sequence[StagedAccount]:
    """Return the accounts without those that an operator deleted."""
    deleted = await deleted_logins(connection, [each.login_key for each in accounts], deleted_key)
    if not deleted:
        return accounts
    merged.row_outcomes[RowOutcome.DELETED] += len(deleted)
    return [each for each in accounts if each.login_key not in deleted]


async def without_taken(
    connection: asyncpg.Connection, accounts: Sequence[StagedAccount], merged: Merged
) -> Sequence[StagedAccount]:
    """Reject those whose Okta id another account has."""
    okta_ids = [each.okta_id for each in accounts if each.okta_id is not None]
    taken = await known_okta_ids(connection, okta_ids) if okta_ids else frozenset()
    if not taken:
        return accounts
    merged.refused += [(each.line, RejectedRow(Reason.OKTA_ID_TAKEN)) for each in accounts if each.okta_id in taken]
    return [each for each in accounts if each.okta_id not in taken]


MOST_LOOKS = 6
"""A limit, because later rows of an export may repeat earlier ones: one batch in 2⁶ is then inserted without a
look-up, and each failure costs the work of a batch and a line in PostgreSQL's log."""


@dataclass(slots=True)
class BatchMerger:
    """Merges the batches of one load."""

    connection: asyncpg.Connection
    source_id: int
    deleted_key: bytes = field(repr=False)
    forget_when: ForgetWhen
    encrypter: HashEncrypter
    email_aliases: bool = False
    """Whether the source opts in to identifiers with `@`."""
    recipe_ids: dict[int, int] = field(default_factory=dict)
    """By the numbers of this load."""
    work: dict[int, float] = field(default_factory=dict)
    """The share of the cost limit of a sign-in that a hash of each recipe takes, by the same numbers."""
    _stored_work: dict[int, float] = field(default_factory=dict)
    """The same for the stored recipes, by id."""
    _own: list[asyncpg.Range[int]] = field(default_factory=list)
    """The ids of the accounts that this load added: nothing else adds accounts while the lock is held."""
    _looks: int = 1
    """How many more batches must contain only new accounts before one is inserted without a look-up."""
    _surprises: int = 0

    async def merge(self, accounts: Sequence[StagedAccount]) -> Merged:
        """Write a batch. Raises the errors of PostgreSQL; nothing is written then."""
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
            await acquire_binding_lock(self.connection, BindingLock.EXCLUSIVE)
            if look:
                unknown, known = await separate(self.connection, accounts, merged, self.deleted_key)
                unknown = await without_taken(self.connection, unknown, merged)
                known = await self._affordable(known, merged)
            else:
                unknown = await without_deleted(self.connection, accounts, merged, self.deleted_key)
            loaded = await self._add(unknown, merged)
            bound = await self._update(known, merged, loaded) if known else ()
            if loaded:
                await queries.count_loaded(self.connection, loaded)
            merged.effects = await apply_unmatched(self.connection, [*merged.added, *bound], self.forget_when)
            if loaded and self.encrypter.key_id is not None:
                # Last: a rotation that waits for this row holds locks on hashes, and no further locks are taken here.
                await record_use(self.connection, [self.encrypter.key_id])
        self._remember(merged.added)
        if look and not known:
            self._looks -= 1
        return merged

    async def _affordable(self, known: list[StagedAccount], merged: Merged) -> list[StagedAccount]:
        """Reject those whose hash would cost too much together with the account's hashes of other sources."""
        hashed = [each.login_key for each in known if each.recipe is not None]
        others = await queries.other_recipes(self.connection, hashed, self.source_id) if hashed else {}
        if not others:
            return known
        if not self._stored_work.keys() >= {each for ids in others.values() for each in ids}:
            self._stored_work = {each.id: work_of(each) for each in await recipes.list_recipes(self.connection)}
        costly = {each.line for each in known if self._work_with(each, others) > MAX_WORK}
        detail = "together with the account's hashes of other sources"
        merged.refused += [(line, RejectedRow(Reason.TOO_COSTLY, detail)) for line in sorted(costly)]
        return [each for each in known if each.line not in costly]

    def _work_with(self, account: StagedAccount, others: Mapping[str, Sequence[int]]) -> float:
        if account.recipe is None:
            return 0.0
        stored = (self._stored_work.get(each, 0.0) for each in others.get(account.login_key, ()))
        return self.work.get(account.recipe, 0.0) + sum(stored)

    async def _add(self, unknown: Sequence[StagedAccount], merged: Merged) -> Counter[int]:
        """Add accounts; return the number of their hashes by recipe."""
        if not unknown:
            return Counter()
        merged.added = await add_accounts(
            self.connection, unknown, self.source_id, self.recipe_ids, email_aliases=self.email_aliases
        )
        bound = [each.okta_id is not None for each in unknown]
        await settle_logins(self.connection, list(itertools.compress(merged.added, bound)))
        await record_loaded(self.connection, self.encrypter.source, merged.added)
        merged.row_outcomes[RowOutcome.NEW] += len(unknown)
        loaded = Counter[int]()
        for number, count in Counter([each.recipe for each in unknown]).items():
            if number is not None:  # several numbers may mean one recipe of the store
                loaded[self.recipe_ids[number]] += count
        return loaded

    async def dry_run(self, accounts: Sequence[StagedAccount]) -> Merged:
        """Return the result that `merge` would have; writes only temporary tables."""
        merged = Merged()
        async with self.connection.transaction():
            unknown, known = await separate(self.connection, accounts, merged, self.deleted_key)
            known = await self._affordable(known, merged)
            await self._stage([*known, *unknown])
            await self._match()
            await dry_run(self.connection, self.source_id, email_aliases=self.email_aliases)
            await conclude(self.connection, merged)
        return merged

    async def _update(self, known: Sequence[StagedAccount], merged: Merged, loaded: Counter[int]) -> Sequence[int]:
        """Update known accounts; return those whose Okta id is new."""
        await self._stage(known)
        changed = await self._match()
        bound: Sequence[int] = ()
        if changed:
            kept = await queries.hold(self.connection, self.source_id, changed)
            if self.encrypter.is_on and self._same(known, kept):
                raise queries.AccountsChanged
            bound = await queries.change(self.connection, self.source_id, email_aliases=self.email_aliases)
            await settle_logins(self.connection, bound)
            await record_changed(self.connection, self.encrypter.source)
            loaded += await queries.rehashed(self.connection)
        await conclude(self.connection, merged)
        return bound

    async def _match(self) -> int:
        return await queries.match(self.connection, self.source_id, self._own, email_aliases=self.email_aliases)

    async def _stage(self, known: Sequence[StagedAccount]) -> None:
        """Stage accounts; an equal hash that is stored under another key counts as unchanged."""
        await stage(self.connection, known)
        if self.encrypter.is_on:
            others = await under_other_keys(self.connection, self.source_id)
            await take_kept(self.connection, self.source_id, self._same(known, others))

    def _same(self, known: Sequence[StagedAccount], kept: Sequence[tuple[int, bytes, str | None]]) -> list[int]:
        """Return the lines of the accounts whose stored hash, under any key, equals that of the row."""
        by_line = {each.line: each for each in known}
        return [line for line, text, key_id in kept if self.encrypter.is_same(by_line[line], text, key_id)]

    def _remember(self, added: Sequence[int]) -> None:
        if not added:
            return
        first, end = min(added), max(added) + 1
        if self._own and self._own[-1].upper == first:
            self._own[-1] = asyncpg.Range(self._own[-1].lower, end)
        else:
            self._own.append(asyncpg.Range(first, end))

"""Load legacy accounts into the store, batch by batch. Knows no file's layout and no SQL.

Each batch is one transaction: it is wholly in the store or not at all, and running the load again completes it. A batch
holds the binding gate, so that a SUCCESS for one of its accounts is either applied here or finds the account.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import asyncpg

from service.accounts import recipes
from service.accounts.loading import match, merge
from service.accounts.loading.match import Fate, RefusedRow
from service.accounts.loading.sources import ensure_source, find_source
from service.accounts.loading.staged import number_recipe, stage
from service.accounts.tombstones import Gate, pass_gate
from service.actions.load_batches import Batch, BatchReader
from service.actions.record_events import COLLISIONS, apply_set_aside
from service.actions.refusal import Reason, Refusal
from service.actions.resolve_hash import HashResolver, NewRecipe
from service.legacy.rows import FaultyRow, Rejects, Row
from service.policies.forgetting import Effect
from service.settings import ForgetWhen
from service.sources import Source

TRIES = 8
"""How often a batch begins again that met a sign-in, a SUCCESS or a deletion in its way."""
AGAIN = (*COLLISIONS, asyncpg.UniqueViolationError, asyncpg.ForeignKeyViolationError, merge.AccountsChanged)
NOBODY = -1
"""The id of a source that a dry run does not make."""
REASONS = {
    Fate.SAME_LOGIN: Reason.SAME_LOGIN,
    Fate.OTHER_SPELLING: Reason.OTHER_SPELLING,
    Fate.OTHER_OKTA_ID: Reason.OTHER_OKTA_ID,
    Fate.OKTA_ID_TAKEN: Reason.OKTA_ID_TAKEN,
}


@dataclass(slots=True)
class Totals:
    """What a load did, or would do."""

    rows: int = 0
    fates: Counter[Fate] = field(default_factory=Counter)
    refusals: Counter[Reason] = field(default_factory=Counter)
    formats: Counter[str] = field(default_factory=Counter)
    """Rows with a hash that can be checked, by the name of its format."""
    unarmed: int = 0
    """Rows without a hash."""
    effects: Counter[Effect] = field(default_factory=Counter)
    """What import events did that had come before their accounts."""
    long_logins: int = 0

    @property
    def refused(self) -> int:
        """How many rows are in the rejects file."""
        return sum(self.refusals.values())


class Load:
    """One load of one source."""

    def __init__(
        self,
        connection: asyncpg.Connection,
        source: Source,
        resolver: HashResolver,
        rejects: Rejects,
        *,
        forget_when: ForgetWhen,
        dry_run: bool = False,
    ) -> None:
        self._connection = connection
        self._source = source
        self._resolver = resolver
        self._rejects = rejects
        self._forget_when = forget_when
        self._dry_run = dry_run
        self._source_id = NOBODY
        self._own: list[asyncpg.Range[int]] = []
        self._format_names: dict[int, str] = {}
        self.totals = Totals()

    async def run(self, rows: Iterator[Row | FaultyRow], told: Callable[[Totals], None]) -> Totals:
        """Load all rows; `told` hears the totals after each batch. Raises what the reader and the database raise."""
        await self._find_source()
        reader = BatchReader(rows, self._resolver)
        # The next batch is read while PostgreSQL merges this one.
        reading = asyncio.create_task(asyncio.to_thread(reader.next))
        try:
            while (batch := await reading) is not None:
                reading = asyncio.create_task(asyncio.to_thread(reader.next))
                await self._load(batch)
                self.totals.long_logins = reader.long_logins
                told(self.totals)
        finally:
            await asyncio.gather(reading, return_exceptions=True)
        return self.totals

    async def _find_source(self) -> None:
        if self._dry_run:
            found = await find_source(self._connection, self._source.name)
            self._source_id = NOBODY if found is None else found
        else:
            self._source_id = await ensure_source(self._connection, self._source.name)

    async def _load(self, batch: Batch) -> None:
        for recipe in batch.recipes:
            await self._number(recipe)
        for attempt in range(TRIES):
            try:
                refused = await (self._foresee(batch) if self._dry_run else self._merge(batch))
                break
            except AGAIN:
                if attempt == TRIES - 1:
                    raise
                await asyncio.sleep(random.uniform(0, 0.05) * 2**attempt)  # noqa: S311 (spreads retries)
        else:
            raise AssertionError
        self._count(batch, refused)

    async def _number(self, recipe: NewRecipe) -> None:
        self._format_names[recipe.number] = recipe.format
        identity = (recipe.format, recipe.parameters, recipe.cost)
        if self._dry_run:
            recipe_id = await recipes.find_recipe(self._connection, *identity)
        else:
            recipe_id = await recipes.ensure_recipe(self._connection, *identity, recipe.stand_in)
        await number_recipe(self._connection, recipe.number, recipe_id)

    async def _merge(self, batch: Batch) -> list[RefusedRow]:
        connection = self._connection
        async with connection.transaction():
            await stage(connection, batch.accounts)
            await pass_gate(connection, Gate.CLOSED)
            fates = await self._match(batch)
            added = await merge.add(connection, self._source_id) if fates.get(Fate.NEW) else []
            bound: list[int] = []
            if fates.get(Fate.CHANGED):
                bound = await merge.change(connection, self._source_id, fates[Fate.CHANGED])
            if added or fates.get(Fate.CHANGED):
                await merge.count_loaded(connection)
            effects = await apply_set_aside(connection, [*added, *bound], self._forget_when)
            await match.touch(connection)
            fates, refused = await match.fates(connection), await match.refused(connection)
        self._remember(added)
        self.totals.effects += effects
        self.totals.fates.update(fates)
        return refused

    async def _foresee(self, batch: Batch) -> list[RefusedRow]:
        connection = self._connection
        async with connection.transaction():
            await stage(connection, batch.accounts)
            await self._match(batch)
            await match.foresee(connection)
            await match.touch(connection)
            fates, refused = await match.fates(connection), await match.refused(connection)
        self.totals.fates.update(fates)
        return refused

    async def _match(self, batch: Batch) -> dict[Fate, int]:
        await match.match(self._connection, self._source_id, self._own, okta_ids=batch.has_okta_ids)
        return await match.fates(self._connection)

    def _remember(self, added: list[int]) -> None:
        """Note the ids of accounts that this load added: nobody else adds any while the gate is held."""
        if not added:
            return
        first, end = min(added), max(added) + 1
        if self._own and self._own[-1].upper == first:
            self._own[-1] = asyncpg.Range(self._own[-1].lower, end)
        else:
            self._own.append(asyncpg.Range(first, end))

    def _count(self, batch: Batch, refused: list[RefusedRow]) -> None:
        totals = self.totals
        totals.rows += batch.rows
        refusals = [*batch.refusals, *((batch.by_line[each.line], _refusal(each)) for each in refused)]
        for row, refusal in sorted(refusals, key=lambda pair: pair[0].line):
            totals.refusals[refusal.reason] += 1
            self._rejects.write(row, str(refusal))
        for number, rows in Counter(account.recipe for account in batch.accounts).items():
            if number is None:
                totals.unarmed += rows
            else:
                totals.formats[self._format_names[number]] += rows


def _refusal(refused: RefusedRow) -> Refusal:
    return Refusal(REASONS[refused.fate], f"{refused.kept_login!r} is in the store" if refused.kept_login else "")

"""Load legacy accounts into the store, batch by batch. Knows no file's layout and no SQL.

Each batch is one transaction: it is wholly in the store or not at all, and running the load again completes it. No
batch waits for the disk; the load does, once, before it says that it is done.
"""

import asyncio
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import asyncpg

from service.accounts import recipes
from service.accounts.loading.fates import RowOutcome
from service.accounts.loading.merge import AccountsChanged
from service.accounts.loading.seal import HashEncrypter
from service.accounts.loading.session import make_durable
from service.accounts.loading.sources import ensure_source, find_source
from service.accounts.loading.staged import number_recipe
from service.accounts.sealing import NO_KEYS, HashKeys
from service.actions.load_batches import Batch, BatchReader
from service.actions.merge_batch import BatchMerger
from service.actions.merged_batch import Merged
from service.actions.record_events import COLLISIONS
from service.actions.refusal import Reason
from service.actions.resolve_hash import HashResolver, NewRecipe
from service.legacy.rows import FaultyRow, Rejects, Row
from service.policies.forgetting import Effect
from service.settings import ForgetWhen
from service.sources import Source

TRIES = 8
"""How often a batch begins again that met a sign-in, a SUCCESS or a deletion in its way."""
AGAIN = (*COLLISIONS, asyncpg.UniqueViolationError, asyncpg.ForeignKeyViolationError, AccountsChanged)
NOBODY = -1
"""The id of a source that a dry run does not make."""
SWITCH_EVERY = 0.0005
"""Seconds after which the thread that reads gives way to the one that talks to PostgreSQL; Python's 5 ms are long
beside a statement."""


@dataclass(slots=True)
class Totals:
    """What a load did, or would do."""

    rows: int = 0
    row_outcomes: Counter[RowOutcome] = field(default_factory=Counter)
    refusals: Counter[Reason] = field(default_factory=Counter)
    formats: Counter[str] = field(default_factory=Counter)
    """Rows with a hash that can be checked, by the name of its format."""
    unarmed: int = 0
    """Rows without a hash."""
    effects: Counter[Effect] = field(default_factory=Counter)
    """What import events did that had come before their accounts."""
    long_logins: int = 0
    named_by_login: int = 0

    @property
    def refused(self) -> int:
        """How many rows are in the rejects file."""
        return sum(self.refusals.values())


@dataclass(slots=True)
class Load:
    """One load of one source."""

    connection: asyncpg.Connection
    source: Source
    resolver: HashResolver
    rejects: Rejects
    forget_when: ForgetWhen
    dry_run: bool = False
    keys: HashKeys = field(default=NO_KEYS, repr=False)
    interrupt: Callable[[], None] = lambda: None
    """Ends a read of rows that waits, so that a load that is stopped need not wait for the next row."""
    consumed: Callable[[], int] = lambda: 0
    """Tells the bytes of the export that were read so far."""
    totals: Totals = field(default_factory=Totals)
    _format_names: dict[int, str] = field(default_factory=dict)

    async def run(self, rows: Iterator[Row | FaultyRow], progress: Callable[[Totals], None]) -> Totals:
        """Load all rows; `told` hears the totals after each batch. Raises what the reader and the database raise."""
        merger = await self._merger()
        reader = BatchReader(rows, self.resolver, merger.encrypter, self.consumed)
        sys.setswitchinterval(SWITCH_EVERY)
        # The next batch is read while PostgreSQL merges this one.
        reading = asyncio.create_task(asyncio.to_thread(reader.next))
        try:
            while (batch := await reading) is not None:
                reading = asyncio.create_task(asyncio.to_thread(reader.next))
                await self._load(batch, merger)
                self.totals.long_logins = reader.long_logins
                self.totals.named_by_login = self.resolver.named_by_login
                progress(self.totals)
        finally:
            self.interrupt()
            await asyncio.gather(reading, return_exceptions=True)
        if not self.dry_run:
            await make_durable(self.connection)
        return self.totals

    async def _merger(self) -> BatchMerger:
        if self.dry_run:
            source_id = await find_source(self.connection, self.source.name)
        else:
            source_id = await ensure_source(self.connection, self.source.name)
        key = await recipes.login_digest_key(self.connection)
        encrypter = HashEncrypter(self.keys, self.source.name)
        return BatchMerger(
            self.connection, NOBODY if source_id is None else source_id, key, self.forget_when, encrypter
        )

    async def _load(self, batch: Batch, merger: BatchMerger) -> None:
        for recipe in batch.recipes:
            await self._number(recipe, merger)
        for attempt in range(TRIES):
            try:
                merged = await (merger.dry_run if self.dry_run else merger.merge)(batch.accounts)
                break
            except AGAIN:
                if attempt == TRIES - 1:
                    raise
                await asyncio.sleep(random.uniform(0, 0.05) * 2**attempt)  # noqa: S311 (spreads retries)
        else:
            raise AssertionError
        self._count(batch, merged)

    async def _number(self, recipe: NewRecipe, merger: BatchMerger) -> None:
        self._format_names[recipe.number] = recipe.format
        identity = (recipe.format, recipe.parameters, recipe.cost)
        if self.dry_run:
            recipe_id = await recipes.find_recipe(self.connection, *identity)
        else:
            recipe_id = await recipes.ensure_recipe(self.connection, *identity, recipe.dummy_hash)
            merger.recipe_ids[recipe.number] = recipe_id
        await number_recipe(self.connection, recipe.number, recipe_id)

    def _count(self, batch: Batch, merged: Merged) -> None:
        totals = self.totals
        totals.rows += len(batch.rows)
        totals.row_outcomes += merged.row_outcomes
        totals.effects += merged.effects
        refusals = batch.refusals
        if merged.refused:
            by_line = {row.line: row for row in batch.rows}
            refusals = [*refusals, *((by_line[line], refusal) for line, refusal in merged.refused)]
        for row, refusal in sorted(refusals, key=lambda pair: pair[0].line):
            totals.refusals[refusal.reason] += 1
            self.rejects.write(row, str(refusal))
        for number, rows in batch.numbers.items():
            if number is None:
                totals.unarmed += rows
            else:
                totals.formats[self._format_names[number]] += rows

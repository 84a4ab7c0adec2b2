"""Loading of legacy accounts into the store, batch by batch.

Each batch is one transaction, so it is stored completely or not at all, and running the load again completes it.
Batches do not wait for the disk; the load does, once, before it reports that it is done.
"""

import asyncio
import itertools
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import asyncpg

from service.import_events.decide import Effect
from service.import_events.record import COLLISIONS
from service.loading.files.row import FaultyRow, Rejects, Row
from service.loading.hashes import HashResolver, NewRecipe
from service.loading.merge import BatchMerger, Merged
from service.loading.queries import AccountsChanged, RowOutcome, analyze, declare
from service.loading.reject import Reason, RejectedRow
from service.loading.rows import AccountReader, Decisions
from service.loading.sources import Source
from service.loading.staging import (
    HashEncrypter,
    StagedAccount,
    ensure_source,
    find_source,
    make_durable,
    number_recipe,
    report_dry_run_names,
)
from service.settings import ForgetWhen
from service.store import recipes
from service.store.encryption import NO_KEYS, HashKeys
from service.store.name_report import NameReport, count_names
from service.store.recipes import tried_among

# Rows in batches, read and validated as far as possible without the store.

BATCH = 5000
"""Rows in one transaction. It blocks the binding of accounts while it runs, some hundred milliseconds."""
BATCH_CHARACTERS = 1 << 25
"""Characters of the export after which a batch ends with fewer rows: directories store photographs in entries."""
PIECE = 25
"""Rows between two checks of the characters: an entry of a directory may have 16 million."""


@dataclass(slots=True)
class Batch:
    """Rows that were read."""

    rows: list[Row | FaultyRow]
    accounts: Sequence[StagedAccount] = ()
    """Encrypted, if HASH_KEYS is set."""
    refusals: list[tuple[Row | FaultyRow, RejectedRow]] = field(default_factory=list)
    recipes: list[NewRecipe] = field(default_factory=list)
    """Recipes that no earlier batch used."""
    numbers: Counter[int | None] = field(default_factory=Counter)
    """Number of accounts by the recipe of their hash; None for those without a hash."""


class BatchReader:
    """Reads the rows of one load in batches."""

    def __init__(
        self,
        rows: Iterator[Row | FaultyRow],
        resolver: HashResolver,
        encrypter: HashEncrypter,
        consumed: Callable[[], int] = lambda: 0,
        decisions: Decisions | None = None,
    ) -> None:
        """Read `rows`; `consumed` returns the number of characters read for them so far."""
        self._rows = rows
        self._consumed = consumed
        self._resolver = resolver
        self._sealer = encrypter
        self._reader = AccountReader(resolver, decisions or Decisions())

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

    def tell(self, totals: "Totals") -> None:
        """Update the counts that are collected while rows are read."""
        totals.long_logins = self._reader.long_logins
        totals.disabled = self._reader.disabled
        totals.elsewhere = self._reader.elsewhere
        totals.ignored = sorted(self._reader.ignored)
        totals.named_by_login = self._resolver.named_by_login

    def _some(self) -> list[Row | FaultyRow]:
        rows: list[Row | FaultyRow] = []
        begin = self._consumed()
        while len(rows) < BATCH and self._consumed() - begin < BATCH_CHARACTERS:
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
    """Reject accounts whose login or Okta id an earlier row of the batch has."""
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


TRIES = 8
"""Attempts of a batch that conflicts with a sign-in, a SUCCESS or a deletion."""
AGAIN = (*COLLISIONS, asyncpg.UniqueViolationError, asyncpg.ForeignKeyViolationError, AccountsChanged)
NOBODY = -1
"""The id of a source that a dry run does not create."""
ANALYZED_FROM = 1_000
"""Rows after which a load renews PostgreSQL's statistics; again whenever there are ten times as many."""
SWITCH_EVERY = 0.0005
"""Seconds after which the reading thread yields to the one that uses PostgreSQL; Python's 5 ms are long compared
with a statement."""


@dataclass(slots=True)
class Totals:
    """The result of a load, or of a dry run."""

    rows: int = 0
    row_outcomes: Counter[RowOutcome] = field(default_factory=Counter)
    refusals: Counter[Reason] = field(default_factory=Counter)
    formats: Counter[str] = field(default_factory=Counter)
    """Rows with a hash that can be checked, by format."""
    unarmed: int = 0
    """Rows without a hash."""
    tried: set[str] = field(default_factory=set)
    """Those of `formats` for which `try` VERIFIED a known password; set at the end of the load."""
    effects: Counter[Effect] = field(default_factory=Counter)
    """The effects of import events that arrived before their accounts."""
    long_logins: int = 0
    named_by_login: int = 0
    names: NameReport = field(default_factory=dict)
    """The names that open no account, in the whole store after the load."""
    too_costly: tuple[int, Sequence[str]] = (0, ())
    """Accounts in the whole store with hashes too costly to check, and the first of their logins; set by the
    command."""
    unused_peppers: list[str] = field(default_factory=list)
    unused_salts: list[str] = field(default_factory=list)
    disabled: int = 0
    """Rows without a hash whose account is disabled in the old system."""
    elsewhere: int = 0
    """Rows without a hash whose password another verifier checks."""
    ignored: list[str] = field(default_factory=list)
    """Columns that are not stored."""
    notes: list[str] = field(default_factory=list)
    """The decisions on how to read the export, made from its first rows."""

    @property
    def refused(self) -> int:
        """Return the number of rows in the rejects file."""
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
    """Interrupts a waiting read of rows, so that a stopped load need not wait for the next row."""
    consumed: Callable[[], int] = lambda: 0
    """Returns the number of characters of the export read so far."""
    decisions: Decisions = field(default_factory=Decisions)
    totals: Totals = field(default_factory=Totals)
    _format_names: dict[int, str] = field(default_factory=dict)
    _analyze_at: int = ANALYZED_FROM

    async def run(self, rows: Iterator[Row | FaultyRow], progress: Callable[[Totals], None]) -> Totals:
        """Load all rows; calls `told` with the totals after each batch. Raises the errors of reader and database."""
        merger = await self._merger()
        reader = BatchReader(rows, self.resolver, merger.encrypter, self.consumed, self.decisions)
        sys.setswitchinterval(SWITCH_EVERY)
        # The next batch is read while PostgreSQL merges this one.
        reading = asyncio.create_task(asyncio.to_thread(reader.next))
        try:
            while (batch := await reading) is not None:
                reading = asyncio.create_task(asyncio.to_thread(reader.next))
                await self._load(batch, merger)
                await self._analyze()
                reader.tell(self.totals)
                self.totals.unused_peppers = sorted(self.resolver.unused_peppers)
                self.totals.unused_salts = sorted(self.resolver.unused_salts)
                progress(self.totals)
        finally:
            self.interrupt()
            await asyncio.gather(reading, return_exceptions=True)
        if self.dry_run:
            self.totals.names = await report_dry_run_names(self.connection)
        else:
            await make_durable(self.connection)
            await self._analyze(least=ANALYZED_FROM)
            self.totals.names = (await count_names(self.connection)).report
        self.totals.tried = await tried_among(self.connection, self.totals.formats)
        return self.totals

    async def _analyze(self, *, least: int | None = None) -> None:
        """Renew the statistics if `least` rows were loaded; by default, ten times as many as the last time."""
        if self.dry_run or self.totals.rows < (least or self._analyze_at):
            return
        await analyze(self.connection)
        self._analyze_at = 10 * self.totals.rows

    async def _merger(self) -> BatchMerger:
        if self.dry_run:
            source_id = await find_source(self.connection, self.source.name)
        else:
            source_id = await ensure_source(self.connection, self.source.name)
            await declare(self.connection, source_id, list(self.decisions.declared))
        key = await recipes.login_digest_key(self.connection)
        encrypter = HashEncrypter(self.keys, self.source.name)
        number = NOBODY if source_id is None else source_id
        return BatchMerger(
            self.connection, number, key, self.forget_when, encrypter, email_aliases=self.source.email_aliases
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
        merger.work[recipe.number] = recipe.work
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

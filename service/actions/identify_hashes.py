"""What the hashes of a store or an export are: formats, times, what Okta could take itself, what nobody can check.

Each recipe is measured once, by its stand-in, and counts for all hashes that have it. Knows no terminal.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from service.accounts.recipes import KeptRecipe
from service.actions.measure_check import measure
from service.actions.open_hashes import UNUSABLE, HashOpener
from service.actions.read_account import hash_text
from service.actions.read_recipe import text_of
from service.actions.refusal import Reason, RejectedRow
from service.actions.resolve_hash import HashResolver, NewRecipe
from service.immutable import immutable
from service.legacy.rows import FaultyRow, Row
from service.passwords.anonymise import pattern_of
from service.passwords.okta_native import NotNative, native_hash
from service.passwords.pool.cores import usable_cores

MEASURED = 40
"""Recipes that are measured, those with the most hashes first; each takes up to some seconds."""
PATTERNS_KEPT = 10_000
"""A file in which every hash is of another unknown shape must not fill the memory."""


@immutable
class RecipeReport:
    """One way of checking, over many hashes."""

    format: str
    cost: str
    hashes: int
    milliseconds: float | None
    """None where it was not measured."""
    okta: bool | None
    """Whether Okta could import these hashes itself; None where that is not known."""
    fault: str | None = None


@dataclass(slots=True)
class HashReport:
    """What the hashes of a store or an export are."""

    rows: int = 0
    """Accounts, or rows of the export."""
    without_hash: int = 0
    recipes: list[RecipeReport] = field(default_factory=list)
    refusals: Counter[Reason] = field(default_factory=Counter)
    """Hashes that can't be checked, and rows that can't be read."""
    patterns: Counter[str] = field(default_factory=Counter)
    """Of hashes of unknown shape; nothing of them but their shape."""
    cores: int = 1

    @property
    def verifiable(self) -> int:
        """Hashes that can be checked."""
        return sum(each.hashes for each in self.recipes if each.fault is None)

    @property
    def unverifiable(self) -> int:
        """Hashes that can't."""
        broken = sum(each.hashes for each in self.recipes if each.fault is not None)
        return broken + sum(number for reason, number in self.refusals.items() if reason.is_unverifiable)

    @property
    def okta_direct(self) -> int:
        """Hashes that Okta could import itself."""
        return sum(each.hashes for each in self.recipes if each.okta)

    @property
    def sign_ins_per_second(self) -> float | None:
        """What all cores here could verify, if people come as their hashes are spread."""
        measured = [each for each in self.recipes if each.milliseconds is not None]
        hashes = sum(each.hashes for each in measured)
        seconds = sum(each.hashes * (each.milliseconds or 0) / 1000 for each in measured)
        return self.cores * hashes / seconds if seconds else None


def report_recipes(recipes: Iterable[tuple[KeptRecipe, int]], opener: HashOpener) -> list[RecipeReport]:
    """Measure recipes; each comes with the number of its hashes."""
    ordered = sorted(recipes, key=lambda pair: -pair[1])
    return [_report(kept, hashes, opener, timed=place < MEASURED) for place, (kept, hashes) in enumerate(ordered)]


def report_rows(rows: Iterator[Row | FaultyRow], resolver: HashResolver, opener: HashOpener) -> HashReport:
    """Read an export to its end; nothing of it is kept but counts."""
    report = HashReport(cores=usable_cores())
    numbers: Counter[int] = Counter()
    met: list[NewRecipe] = []
    for row in rows:
        report.rows += 1
        try:
            _count(row, resolver, report, numbers)
        except RejectedRow as refusal:
            report.refusals[refusal.reason] += 1
        met += resolver.new
        resolver.new.clear()
    report.recipes = report_recipes(_as_kept(met, numbers), opener)
    return report


def _as_kept(met: Iterable[NewRecipe], numbers: Counter[int]) -> Iterator[tuple[KeptRecipe, int]]:
    """Give recipes as the store would keep them, each once under however many numbers, with their hashes."""
    same: dict[str, list[NewRecipe]] = {}
    for each in met:
        same.setdefault(json.dumps([each.format, each.parameters, each.cost], sort_keys=True), []).append(each)
    for first, *others in same.values():
        kept = KeptRecipe(first.number, first.format, first.parameters, first.cost, first.dummy_hash, 0)
        yield kept, sum(numbers[each.number] for each in (first, *others))


def _count(row: Row | FaultyRow, resolver: HashResolver, report: HashReport, numbers: Counter[int]) -> None:
    if isinstance(row, FaultyRow):
        raise RejectedRow(Reason.UNREADABLE, row.fault)
    text = hash_text(row.fields)
    if text is None:
        report.without_hash += 1
        return
    try:
        number, _, _ = resolver.resolve(row.fields, text, text_of(row.fields, "login"))
    except RejectedRow as refusal:
        if refusal.reason.is_unverifiable and len(report.patterns) < PATTERNS_KEPT:
            report.patterns[pattern_of(text)] += 1
        raise
    numbers[number] += 1


def _report(kept: KeptRecipe, hashes: int, opener: HashOpener, *, timed: bool) -> RecipeReport:
    try:
        check = opener.open(opener.stored_dummy_hash(kept))
    except UNUSABLE as error:
        return RecipeReport(kept.format, kept.cost, hashes, None, None, f"{type(error).__name__}: {error}")
    native = not isinstance(native_hash(check), NotNative)
    return RecipeReport(kept.format, kept.cost, hashes, measure(check) if timed else None, native)

"""A report on the hashes of a store or an export: formats, costs, direct import, and hashes that cannot be checked.

Each recipe is measured once, with its dummy hash; the result applies to all its hashes.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from service.hashing.format import Check, MalformedHash, Recipe, StoredHash, UnusableHash
from service.hashing.okta_native import NotNative, native_hash
from service.hashing.pool.workers import usable_cores
from service.hashing.redact import pattern_of
from service.hashing.registry import candidates, check
from service.immutable import immutable
from service.loading.files.row import FaultyRow, Row
from service.loading.hashes import HashResolver, NewRecipe, text_of
from service.loading.reject import Reason, RejectedRow
from service.loading.rows import Decisions, usable_hash
from service.store.recipes import KeptRecipe
from service.stored_hashes import UNUSABLE, HashOpener

# The duration of a check on this machine, and whether Okta could import the hash.

ENOUGH = 0.05
"""Seconds of measuring after which the duration of a check is known precisely enough."""
MOST = 5
"""Maximum measurements of one check."""
TRIED = "not the password of anybody"
WHY_NOT = {
    NotNative.ALGORITHM: "Okta does not compute this function",
    NotNative.COMPOSITION: "Okta hashes the password and one salt, once; this is iterated, nested or keyed",
    NotNative.CHARSET: "the password was not hashed as UTF-8",
    NotNative.AMBIGUOUS: "it is ambiguous",
    NotNative.ITERATIONS: "Okta requires at least 4,096 iterations of PBKDF2, and a bcrypt work factor of at most 20",
}


@immutable
class Identified:
    """A hash as parsed by one format."""

    format: str
    cost: str | None = None
    milliseconds: float | None = None
    okta: dict[str, str | int] | None = field(default=None, repr=False)
    """`credentials.password.hash`, if Okta could import the hash itself."""
    not_okta: str | None = None
    """Why Okta could not import it."""
    fault: str | None = None
    """Why the hash cannot be checked."""


def measure(found: Check) -> float:
    """Return the milliseconds that a check takes on this machine: the minimum of several runs."""
    best, spent = float("inf"), 0.0
    for _ in range(MOST):
        started = time.perf_counter()
        found.verify(TRIED)
        seconds = time.perf_counter() - started
        best, spent = min(best, seconds), spent + seconds
        if spent > ENOUGH:
            break
    return best * 1000


def identify_hash(
    text: str, recipe: Recipe, salt: str | None, username: str | None, pepper: bytes | None = None, *more: bytes
) -> list[Identified]:
    """Parse a hash in the format that the recipe names, otherwise in every format that has its shape.

    With a salt, a bare digest has the shape of the formats that use a salt.
    """
    salted = candidates(f"{text}:{salt}") if salt is not None else ()
    names = [recipe.format] if recipe.format else [each.name for each in salted or candidates(text)]
    return [_identified(StoredHash(text, _named(recipe, name), salt, username, pepper, more)) for name in names]


def _identified(stored: StoredHash) -> Identified:
    name = stored.recipe.format
    try:
        found = check(stored)
    except (MalformedHash, UnusableHash) as error:
        return Identified(name, fault=str(error))
    native = native_hash(found)
    if isinstance(native, NotNative):
        return Identified(name, found.cost, measure(found), not_okta=WHY_NOT[native])
    return Identified(name, found.cost, measure(found), okta=native)


def _named(recipe: Recipe, name: str) -> Recipe:
    return Recipe(name, recipe.charset, recipe.pepper_env, recipe.iterations, recipe.salt_encoding, recipe.options)


MEASURED = 40
"""Maximum recipes that are measured, those with the most hashes first; each takes up to some seconds."""
PATTERNS_KEPT = 10_000
"""Maximum patterns kept: a file in which every hash has another unknown shape must not fill the memory."""


@immutable
class RecipeReport:
    """One recipe, and the hashes that use it."""

    format: str
    cost: str
    hashes: int
    milliseconds: float | None
    """None where it was not measured."""
    okta: bool | None
    """Whether Okta could import these hashes itself; None if unknown."""
    fault: str | None = None


@dataclass(slots=True)
class HashReport:
    """The report on the hashes of a store or an export."""

    rows: int = 0
    """Accounts, or rows of the export."""
    without_hash: int = 0
    recipes: list[RecipeReport] = field(default_factory=list)
    refusals: Counter[Reason] = field(default_factory=Counter)
    """Hashes that cannot be checked, and rows that cannot be read."""
    patterns: Counter[str] = field(default_factory=Counter)
    """Patterns of hashes of unknown shape, which contain only their shape."""
    cores: int = 1

    @property
    def verifiable(self) -> int:
        """Return the number of hashes that can be checked."""
        return sum(each.hashes for each in self.recipes if each.fault is None)

    @property
    def unverifiable(self) -> int:
        """Return the number of hashes that cannot be checked."""
        broken = sum(each.hashes for each in self.recipes if each.fault is not None)
        return broken + sum(number for reason, number in self.refusals.items() if reason.is_unverifiable)

    @property
    def okta_direct(self) -> int:
        """Return the number of hashes that Okta could import itself."""
        return sum(each.hashes for each in self.recipes if each.okta)

    @property
    def sign_ins_per_second(self) -> float | None:
        """Return the sign-ins per second that all cores here can verify, if they are distributed like the hashes."""
        measured = [each for each in self.recipes if each.milliseconds is not None]
        hashes = sum(each.hashes for each in measured)
        seconds = sum(each.hashes * (each.milliseconds or 0) / 1000 for each in measured)
        return self.cores * hashes / seconds if seconds else None


def report_recipes(recipes: Iterable[tuple[KeptRecipe, int]], opener: HashOpener) -> list[RecipeReport]:
    """Measure recipes, each given with the number of its hashes."""
    ordered = sorted(recipes, key=lambda pair: -pair[1])
    return [_report(kept, hashes, opener, timed=place < MEASURED) for place, (kept, hashes) in enumerate(ordered)]


REPORT_EVERY = 1000
"""Rows between two progress reports."""


def report_rows(
    rows: Iterator[Row | FaultyRow],
    resolver: HashResolver,
    opener: HashOpener,
    decisions: Decisions | None = None,
    progress: Callable[[int], None] = lambda _rows: None,
) -> HashReport:
    """Read an export to its end and keep only counts. Calls `progress` with the number of rows read."""
    report = HashReport(cores=usable_cores())
    numbers: Counter[int] = Counter()
    met: list[NewRecipe] = []
    for row in rows:
        report.rows += 1
        try:
            _count(row, resolver, report, numbers, decisions or Decisions())
        except RejectedRow as refusal:
            report.refusals[refusal.reason] += 1
        met += resolver.new
        resolver.new.clear()
        if not report.rows % REPORT_EVERY:
            progress(report.rows)
    report.recipes = report_recipes(_as_kept(met, numbers), opener)
    return report


def _as_kept(met: Iterable[NewRecipe], numbers: Counter[int]) -> Iterator[tuple[KeptRecipe, int]]:
    """Yield recipes as the store would keep them, each once although it may have several numbers, with their hashes."""
    same: dict[str, list[NewRecipe]] = {}
    for each in met:
        same.setdefault(json.dumps([each.format, each.parameters, each.cost], sort_keys=True), []).append(each)
    for first, *others in same.values():
        kept = KeptRecipe(first.number, first.format, first.parameters, first.cost, first.dummy_hash, 0)
        yield kept, sum(numbers[each.number] for each in (first, *others))


def _count(
    row: Row | FaultyRow, resolver: HashResolver, report: HashReport, numbers: Counter[int], decisions: Decisions
) -> None:
    if isinstance(row, FaultyRow):
        raise RejectedRow(Reason.UNREADABLE, row.fault)
    fields = row.fields if decisions.changes_nothing else decisions.applied_to(row.fields)
    text, _ = usable_hash(fields, resolver)
    if text is None:
        report.without_hash += 1
        return
    try:
        number, _, _ = resolver.resolve(fields, text, text_of(fields, "login"))
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

"""The number of test vectors that a diagnosis explains, given only hash, salt, user name, pepper and password.

Usage: python -m bench.diagnosis [SECONDS] [--formulas]. Seconds are CPU time, so that other work on the machine does
not count. With --formulas only vectors that a formula can describe count, and named formats are not tried, so that
every recipe must be found as a formula.
"""

import sys
import time
from collections.abc import Iterator

from service.hashing import registry
from service.hashing.diagnosis import Budget, Case, OutOfTime, diagnose, search
from service.hashing.format import Recipe
from service.hashing.formats.product import Product
from tests.hashing.diagnosis.recipes import KNOWN
from tests.hashing.vectors import MORE, VECTORS, load

SLOWER = 5.0
"""Successes that take at least this many seconds are listed too."""


def main() -> None:
    seconds = next((float(each) for each in sys.argv[1:] if not each.startswith("-")), 60.0)
    formulas = "--formulas" in sys.argv
    if formulas:
        search.STAGES = tuple(each for each in search.STAGES if not each[0].startswith("named formats"))
    sets = {
        "vectors.jsonl": vectors(VECTORS, formulas=formulas),
        "more_vectors.jsonl": vectors(MORE, formulas=formulas),
        "own": own(),
    }
    for title, cases in sets.items():
        found = [explained(label, case, seconds) for label, case in cases]
        print(f"{title}: {sum(found)} of {len(found)}", flush=True)


def explained(label: str, case: Case, seconds: float) -> bool:
    """Return whether the recipe is found; print misses and slow successes."""
    budget = Budget(seconds, clock=time.process_time)
    try:
        finding = diagnose(case, budget)
    except OutOfTime:
        finding = None
    if finding is None or budget.elapsed > SLOWER:
        found = finding.recipe.format if finding else "MISS"
        print(f"  {label}: {found}, {budget.elapsed:.1f} s, {budget.tried:,}, {budget.stage}", flush=True)
    return finding is not None


def vectors(lines: list[dict[str, object]], *, formulas: bool) -> Iterator[tuple[str, Case]]:
    """Yield the vectors whose hash does not identify its format."""
    for line in lines:
        vector = load(line)
        stored = vector.stored
        if formulas and not is_formula(stored.recipe.format):
            continue
        names = [each.name for each in registry.candidates(stored.hash)]
        if "salt" in line or names != [stored.recipe.format]:
            peppers = {"PEPPER": stored.pepper} if stored.pepper else {}
            case = Case(stored.hash, vector.password, stored.salt, stored.username, Recipe(""), peppers)
            yield f"{line['format']} ({stored.recipe.format})", case


def is_formula(name: str) -> bool:
    """Return whether a format is a formula or the name of one."""
    return registry.is_formula(name) or isinstance(registry.find(name), Product)


def own() -> Iterator[tuple[str, Case]]:
    """Yield the recipes of the tests."""
    for known in KNOWN:
        peppers = {"PEPPER": known.pepper.encode()} if known.pepper else {}
        yield known.recipe, Case(known.hash, known.password, known.salt, known.username, Recipe(""), peppers)


if __name__ == "__main__":
    main()

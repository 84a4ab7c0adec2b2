"""The output of `try`: verdict, recipe to paste, progress of a diagnosis."""

import json
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from service.cli.progress import show_progress
from service.hashing.diagnosis import Budget, Finding
from service.hashing.format import Recipe
from service.loading.known_password import Verdict

SETTINGS = ("format", "charset", "pepper_env", "iterations", "salt_encoding")
"""Settings of a source that a recipe may need, in the order in which they are printed."""


@contextmanager
def diagnosing(seconds: float) -> Iterator[Budget]:
    """Yield the budget of a search, and show its stage and the number of candidates tried."""
    with show_progress("try --diagnose", "candidates") as shown:
        yield Budget(
            seconds, lambda spent: shown.update(spent.tried, share=spent.elapsed / spent.seconds, note=spent.stage)
        )


def interrupted(budget: Budget) -> str:
    """Return how far a search came."""
    return f"{budget.tried:,} candidates tried, up to: {budget.stage or 'the start'}"


def lines(verdict: Verdict, finding: Finding | None, *, diagnosed: bool) -> Iterator[str]:
    """Yield the lines of a verdict."""
    if finding is not None:
        yield f"VERIFIED, if read as {_interpretation(finding.recipe)}"
        yield from snippet(finding)
    elif verdict.recipe is not None:
        yield f"VERIFIED: {_interpretation(verdict.recipe)}"
        if verdict.interpretation is not None:
            yield f"  interpretation: {verdict.interpretation}"
    else:
        yield f"UNVERIFIED: tried as {', '.join(verdict.tried)}" if verdict.tried else "UNVERIFIED"
        yield from (f"  cannot be checked: {fault}" for fault in verdict.faults)
        if not diagnosed:
            yield "  --diagnose searches for the recipe"


def snippet(finding: Finding) -> Iterator[str]:
    """Yield the option and the source to paste, and what the export needs first."""
    yield from (f"  first: {note}" for note in finding.notes)
    yield f"  --format {shlex.quote(finding.recipe.format)}"
    yield ""
    yield "[sources.NAME]"
    yield from (f"{name} = {_toml(value)}" for name, value in settings_of(finding.recipe).items())
    yield ""
    yield "Verify it with a second known password that has capital letters, ä, blanks, quotes and &."


def settings_of(recipe: Recipe) -> dict[str, Any]:
    """Return the settings of a source that differ from the defaults."""
    defaults = Recipe("")
    found = {name: getattr(recipe, name) for name in SETTINGS}
    return {name: value for name, value in found.items() if value != getattr(defaults, name)}


def as_dict(verdict: Verdict, finding: Finding | None) -> dict[str, Any]:
    """Return the verdict as JSON values."""
    recipe = finding.recipe if finding else verdict.recipe
    return {
        "verdict": "UNVERIFIED" if recipe is None else "VERIFIED",
        "diagnosed": finding is not None,
        "recipe": None if recipe is None else settings_of(recipe),
        "interpretation": None if finding else verdict.interpretation,
        "first": list(finding.notes) if finding else [],
        "tried": list(verdict.tried),
        "faults": list(verdict.faults),
    }


def _interpretation(recipe: Recipe) -> str:
    settings = {name: value for name, value in settings_of(recipe).items() if name != "format"}
    told = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in settings.items())
    return f"{recipe.format} ({told})" if told else recipe.format


def _toml(value: object) -> str:
    """Format a value as TOML, whose basic strings have the escapes of JSON."""
    return json.dumps(value)

"""The systematic search over digests and HMACs: every value once, in every context, under every digest that fits.

Inner digests are computed once per value and form and then combined with all contexts, so that a candidate costs one
concatenation and one digest: about a microsecond.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from service.hashing.diagnosis.case import Budget
from service.hashing.diagnosis.target import SLOW, Goal, algorithms_of
from service.hashing.diagnosis.terms import FORMS, MAIN, OTHERS, SUFFIX, Context, Term, Terms, digested, unique, written
from service.hashing.digests import SIZES, for_rounds, keyed_digest
from service.hashing.formula.functions import Form

FOLDS = 38
"""Nested calls that a formula may have, minus the two outer ones."""
ROUNDS = ((1_100, 60), (11_000, 12), (110_000, 2))
"""Rounds of a repeated digest, with the number of values tried up to that count."""


class Outer(NamedTuple):
    """A digest that the outermost call may be, with the goals of its size."""

    name: str
    function: Callable[[bytes], bytes]
    goals: dict[bytes, Goal]


def outers(goals: Iterable[Goal], *, rare: bool = False) -> list[Outer]:
    """Return the digests that yield values of the goals' sizes."""
    by_size: dict[int, dict[bytes, Goal]] = {}
    for goal in goals:
        by_size.setdefault(len(goal.value), {}).setdefault(goal.value, goal)
    return [
        Outer(name, for_rounds(name), wanted)
        for size, wanted in by_size.items()
        for name in algorithms_of(size, rare=rare)
    ]


def quick(outer: Sequence[Outer]) -> list[Outer]:
    """Return the digests that are cheap enough for a long search."""
    return [each for each in outer if each.name not in SLOW]


def search(inner: Iterable[Term], contexts: Sequence[Context], outer: Sequence[Outer], budget: Budget) -> Iterator[str]:
    """Yield the formula of every value that, in some context and under some digest, is a goal."""
    for formula, value in inner:
        for before, after, left, right in contexts:
            data = before + value + after
            for name, function, goals in outer:
                goal = goals.get(function(data))
                if goal is not None:
                    yield goal.formula(name, f"{left}{formula}{right}")
        budget.spend(len(contexts) * len(outer))


def placed(inner: Iterable[Term], contexts: Sequence[Context]) -> Iterator[Term]:
    """Yield every value in every context."""
    return (context.around(term) for term in inner for context in contexts)


def inner_digests(
    terms: Iterable[Term], contexts: Sequence[Context], algorithms: Iterable[str] = MAIN, forms: Iterable[Form] = FORMS
) -> list[Term]:
    """Yield the digests of every value in every context and form: the inputs of a second digest."""
    values = unique(placed(terms, contexts))
    return list(digested(values, algorithms, forms))


def keys(terms: Terms) -> list[Term]:
    """Return the keys to try for HMACs: columns, the password, and digests of them."""
    plain = [*terms.columns, *terms.passwords[:6], *terms.pairs]
    return unique([*plain, *digested(terms.plain, MAIN, (Form.HEX, Form.RAW))])


def keyed(key_terms: Iterable[Term], messages: Sequence[Term], outer: Sequence[Outer], budget: Budget) -> Iterator[str]:
    """Yield the formula of every HMAC that is a goal."""
    usable = [each for each in outer if not each.name.startswith("keccak")]
    for key in key_terms:
        for message in messages:
            for name, _, goals in usable:
                goal = goals.get(keyed_digest(name, key.value, message.value))
                if goal is not None:
                    yield goal.formula(f"hmac_{name}", f"{key.formula}, {message.formula}")
        budget.spend(len(messages) * len(usable))


def keyed_terms(
    key_terms: Iterable[Term], messages: Sequence[Term], algorithms: Iterable[str] = MAIN, forms: Iterable[Form] = FORMS
) -> Iterator[Term]:
    """Yield HMACs as inputs of a further digest."""
    chosen = tuple(forms)
    for key in key_terms:
        for message in messages:
            for name in algorithms:
                made = keyed_digest(name, key.value, message.value)
                for form in chosen:
                    formula = f"hmac_{name}{SUFFIX[form]}({key.formula}, {message.formula})"
                    yield written(formula, made, form)


def repeated(
    values: Sequence[Term], outer: Sequence[Outer], rounds: int, budget: Budget, *, first: int = 2
) -> Iterator[str]:
    """Yield the formula of every digest that is a goal after `first` to `rounds` rounds, fed in each of three ways."""
    for name, function, goals in outer:
        plain = {value for value, goal in goals.items() if goal == Goal(value)}
        for term in values:
            for feed, step in _feeds(function, term.value):
                value = function(term.value)
                for number in range(2, rounds + 1):
                    value = step(value)
                    if value in plain and number >= first:
                        yield f"{name}_{feed}^{number}({term.formula})"
                    if not number & 0x3FF:
                        budget.spend(1024)
                budget.spend(rounds & 0x3FF)


def _feeds(function: Callable[[bytes], bytes], data: bytes) -> tuple[tuple[str, Callable[[bytes], bytes]], ...]:
    return (
        ("bin", function),
        ("hex", lambda value: function(value.hex().encode("ascii"))),
        ("chain", lambda value: function(value + data)),
    )


def folded(
    values: Sequence[Term], contexts: Sequence[Context], outer: Sequence[Outer], budget: Budget
) -> Iterator[str]:
    """Yield the formula of every digest that is a goal after a few rounds that each add the salt again."""
    for name, function, goals in outer:
        for start, context, form in ((v, c, f) for v in values for c in contexts for f in FORMS):
            value = start.value
            for depth in range(1, FOLDS):
                made = function(context.before + value + context.after)
                goal = goals.get(made)
                if goal is not None:
                    yield _folded(goal, name, context, start, depth, form)
                value = written("", made, form).value
            budget.spend(FOLDS)


def _folded(goal: Goal, name: str, context: Context, start: Term, depth: int, form: Form) -> str:
    inner = start.formula
    for _ in range(depth - 1):
        inner = f"{name}{SUFFIX[form]}({context.left}{inner}{context.right})"
    return goal.formula(name, f"{context.left}{inner}{context.right}")


def truncated(inner: Iterable[Term], contexts: Sequence[Context], part: str, budget: Budget) -> Iterator[str]:
    """Yield the formula of every digest that contains `part`, lower-case hex, as a substring."""
    longer = [(name, for_rounds(name)) for name in (*MAIN, *OTHERS, "sha384") if 2 * SIZES[name] > len(part)]
    for term in inner:
        for context in contexts:
            data = context.before + term.value + context.after
            for name, function in longer:
                place = function(data).hex().find(part)
                if place >= 0:
                    yield _cut(f"{name}({context.left}{term.formula}{context.right})", place, len(part))
        budget.spend(len(contexts) * len(longer))


def _cut(formula: str, place: int, length: int) -> str:
    return f"left({formula}, {length})" if place == 0 else f"cut({formula}, {place}, {length})"

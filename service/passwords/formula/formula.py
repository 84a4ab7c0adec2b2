"""A parsed formula: its readings and what it needs. Knows no stored hash."""

import functools
from collections.abc import Iterable
from dataclasses import replace

from service.immutable import immutable
from service.passwords.digests import SIZES
from service.passwords.format import FindFormat, find_none
from service.passwords.formula.cost import Plan, check_cost, plan, uses_password
from service.passwords.formula.derived import Bcrypt, Pbkdf2, Scrypt
from service.passwords.formula.digested import Feed, Hashed, Keyed
from service.passwords.formula.faults import MalformedFormula
from service.passwords.formula.operations import Applied, Checked, Operation, Variable, walk
from service.passwords.formula.parser import parse
from service.passwords.formula.values import Form

LETTERS = frozenset({"lower", "upper", "strtolower", "strtoupper"})
"""Around a whole formula these change nothing: hex is compared in any case."""


@immutable
class Formula:
    """A formula that can be applied to stored hashes. Immutable and picklable; shared by all rows of a source."""

    text: str
    interpretations: tuple[Operation, ...]
    """Usually one; more where there are alternatives, or the rounds leave open what they feed on. Any may match."""
    variables: frozenset[str]
    """Which of `pass`, `salt`, `salt2`, `user` and `pepper` it uses; with `salt2` also `salt`."""
    plan: Plan
    """How all the readings together are run."""


@functools.lru_cache(maxsize=512)
def parse_formula(text: str, iterations: int | None = None, find: FindFormat = find_none) -> Formula:
    """Read a formula such as ``md5(md5($pass).$salt)``; the notation is in docs/formulas.md.

    `iterations` are those of the row or source: the value of `$iterations`, and where the formula does not say
    `$iterations` the rounds of its outermost digest. `find` looks up the named formats that may be around a formula.
    Raises `MalformedFormula`, which names the place, and `TooCostly`.
    """
    roots = tuple(_bare(root) for root in parse(text, iterations, find))
    for root in roots:
        _require_sense(text, root)
    if iterations is not None and "$iterations" not in text.lower():
        roots = tuple(_repeated(text, root, iterations) for root in roots)
    if len(roots) > 1 and any(isinstance(root, Bcrypt | Checked) for root in roots):
        raise MalformedFormula("bcrypt and named formats have no alternative", text, 0)
    interpretations = tuple(interpretation for root in roots for interpretation in _interpretations(root))
    check_cost(interpretations)
    return Formula(text, interpretations, _variables(interpretations), plan(interpretations))


def _variables(interpretations: Iterable[Operation]) -> frozenset[str]:
    names = {each.name for root in interpretations for each in walk(root) if isinstance(each, Variable)}
    return frozenset(names | ({"salt"} if names & {"salt1", "salt2"} else set()))


def _bare(root: Operation) -> Operation:
    """The outermost digest without functions that only change its letters: the stored text is read by its length."""
    match root:
        case Applied(function=function, operand=Hashed() | Keyed() | Pbkdf2() | Scrypt()) if function in LETTERS:
            return root.operand
        case _:
            return root


def _require_sense(text: str, root: Operation) -> None:
    """Refuse what parses and cannot mean a stored hash."""
    inside = list(walk(root))
    if not uses_password(root):
        raise MalformedFormula("The formula does not use $pass", text, 0)
    if not any(isinstance(each, Hashed | Keyed | Pbkdf2 | Scrypt | Bcrypt | Checked) for each in inside):
        raise MalformedFormula("The formula hashes nothing: it would be a store of plain passwords", text, 0)
    if any(isinstance(each, Checked) for each in inside[1:]):
        raise MalformedFormula("A named format can only be around the whole formula", text, 0)
    if any(isinstance(each, Bcrypt) for each in inside) and not isinstance(root, Bcrypt):
        raise MalformedFormula("bcrypt takes its salt from the stored hash, so it must be outermost", text, 0)


def _repeated(text: str, root: Operation, iterations: int) -> Operation:
    if iterations == 1:
        return root
    if isinstance(root, Hashed) and root.rounds == 1:
        return replace(root, rounds=iterations)
    raise MalformedFormula("The row gives iterations, and the formula has no place for them", text, 0)


def _interpretations(root: Operation) -> tuple[Operation, ...]:
    """Rounds that do not say what they feed on are read in each of the ways that products have."""
    if isinstance(root, Hashed) and root.rounds > 1 and root.feed is None:
        return tuple(replace(root, feed=feed) for feed in Feed)
    return (root,)


def digest_size(root: Operation) -> int | None:
    """Bytes of the outermost digest, where the formula is one and does not ask for a text such as base64 of hex."""
    match root:
        case Hashed() | Keyed():
            return SIZES[root.algorithm]
        case Pbkdf2() | Scrypt():
            return root.size
        case _:
            return None


def raw(root: Operation) -> Operation:
    """The outermost digest as bytes."""
    return replace(root, form=Form.RAW) if isinstance(root, Hashed | Keyed | Pbkdf2 | Scrypt) else root

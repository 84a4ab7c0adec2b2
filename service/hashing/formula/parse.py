"""The parser of formulas: text to operations.

formula  = value { "|" value }                     any of them may match
value    = part { "." part }                       one after the other
part     = variable | text in quotes | call
call     = name [ "^" rounds ] "(" value { "," value or number } ")"
"""

import functools
from collections.abc import Iterable
from dataclasses import replace
from typing import NoReturn

from service.hashing.digests import SIZES
from service.hashing.format import FindFormat, find_none
from service.hashing.formula.calls import VARIABLES, Call
from service.hashing.formula.cost import Plan, check_cost, plan, uses_password
from service.hashing.formula.functions import Form
from service.hashing.formula.lexer import Argument, Arguments, Kind, MalformedFormula, Token, tokens
from service.hashing.formula.operations import (
    Applied,
    Argon2,
    Bcrypt,
    Checked,
    Concatenation,
    Digested,
    Feed,
    Hashed,
    Keyed,
    Literal,
    Operation,
    Pbkdf2,
    Scrypt,
    Variable,
    walk,
)
from service.immutable import immutable

MAX_DEPTH = 40
"""Nested calls; the deepest known real formula has ten."""
MAX_CALLS = 300
"""Calls in one formula; the limit bounds its cost."""


@functools.lru_cache(maxsize=512)
def parse(text: str, iterations: int | None, find: FindFormat) -> tuple[Operation, ...]:
    """Parse `text` into its alternatives. `$iterations` is the row's iterations. Raises `MalformedFormula`.

    `find` looks up the named formats that may enclose a formula.
    """
    return _Parser(text, iterations, find).formula()


class _Parser:
    """A recursive descent parser with one token of lookahead."""

    def __init__(self, text: str, iterations: int | None, find: FindFormat) -> None:
        self._text = text
        self._iterations = iterations
        self._find = find
        self._tokens = tokens(text)
        self._next = next(self._tokens)
        self._depth = 0
        self._calls = 0

    def formula(self) -> tuple[Operation, ...]:
        alternatives = [self._value()]
        while self._at_sign("|"):
            self._advance()
            alternatives.append(self._value())
        if self._next.kind is not Kind.END:
            self._fail("Nothing may follow here", self._next)
        return tuple(alternatives)

    def _value(self) -> Operation:
        parts = [self._part()]
        while self._at_sign("."):
            self._advance()
            parts.append(self._part())
        return parts[0] if len(parts) == 1 else Concatenation(tuple(parts))

    def _part(self) -> Operation:
        token = self._advance()
        match token.kind:
            case Kind.TEXT:
                return Literal(token.value)
            case Kind.VARIABLE:
                return self._variable(token)
            case Kind.NAME:
                return self._call(token)
        return self._fail("A value is needed: a variable, a text in quotes or a function", token)

    def _variable(self, token: Token) -> Operation:
        name = VARIABLES.get(token.value[1:].lower())
        if name is None:
            self._fail(f"No variable is called {token.value}; there are $pass, $salt, $user and $pepper", token)
        return Variable(name)

    def _call(self, name: Token) -> Operation:
        self._calls += 1
        self._depth += 1
        if self._depth > MAX_DEPTH or self._calls > MAX_CALLS:
            self._fail("The formula is too large here", name)
        rounds = self._rounds()
        arguments = self._arguments(name)
        self._depth -= 1
        return self._build(name, rounds, arguments)

    def _rounds(self) -> int | None:
        if not self._at_sign("^"):
            return None
        self._advance()
        rounds = self._number(self._next)
        if rounds is None:
            self._fail("The number of rounds must follow the ^", self._next)
        if rounds < 1:
            self._fail("There is at least one round", self._next)
        self._advance()
        return rounds

    def _arguments(self, name: Token) -> list[Argument]:
        if not self._at_sign("("):
            self._fail(f"A ( must follow {name.value}", self._next)
        self._advance()
        arguments = [self._argument()]
        while self._at_sign(","):
            self._advance()
            arguments.append(self._argument())
        if not self._at_sign(")"):
            self._fail(f"The ) of {name.value} is missing here", self._next)
        self._advance()
        return arguments

    def _argument(self) -> Argument:
        token = self._next
        number = self._number(token)
        if number is None:
            return Argument(token, value=self._value())
        self._advance()
        return Argument(token, number=number)

    def _number(self, token: Token) -> int | None:
        if token.kind is Kind.NUMBER:
            return int(token.value)
        if token.kind is Kind.VARIABLE and token.value.lower() == "$iterations":
            if self._iterations is None:
                self._fail("The source and the row give no iterations", token)
            return self._iterations
        return None

    def _build(self, name: Token, rounds: int | None, arguments: list[Argument]) -> Operation:
        given = Arguments(name, tuple(arguments), self._fail)
        return Call(name, given, rounds, outermost=self._depth == 0, fail=self._fail, find=self._find).build()

    def _at_sign(self, sign: str) -> bool:
        return self._next.kind is Kind.SIGN and self._next.value == sign

    def _advance(self) -> Token:
        token = self._next
        if token.kind is not Kind.END:
            self._next = next(self._tokens)
        return token

    def _fail(self, fault: str, token: Token) -> NoReturn:
        raise MalformedFormula(fault, self._text, token.position)


# A parsed formula: its interpretations and its inputs.

LETTERS = frozenset({"lower", "upper", "strtolower", "strtoupper"})
"""These change nothing around a whole formula: hex is compared ignoring case."""


@immutable
class Formula:
    """A formula that can be applied to stored hashes. Immutable and picklable; shared by all rows of a source."""

    text: str
    interpretations: tuple[Operation, ...]
    """Usually one; several if there are alternatives, or the input of further rounds is not stated. Any may match."""
    variables: frozenset[str]
    """The variables it uses, of `pass`, `salt`, `salt2`, `user` and `pepper`; `salt2` implies `salt`."""
    plan: Plan
    """How all the interpretations run together."""


@functools.lru_cache(maxsize=512)
def parse_formula(text: str, iterations: int | None = None, find: FindFormat = find_none) -> Formula:
    """Parse a formula such as ``md5(md5($pass).$salt)``; the notation is in docs/formulas.md.

    `iterations` are those of the row or source: the value of `$iterations` or, if the formula does not use
    `$iterations`, the rounds of its outermost digest. `find` looks up the named formats that may enclose a formula.
    Raises `MalformedFormula`, which names the position, and `TooCostly`.
    """
    roots = tuple(_bare(root) for root in parse(text, iterations, find))
    for root in roots:
        _require_sense(text, root)
    if iterations is not None and "$iterations" not in text.lower():
        roots = tuple(_repeated(text, root, iterations) for root in roots)
    interpretations = tuple(interpretation for root in roots for interpretation in _interpretations(root))
    check_cost(interpretations)
    return Formula(text, interpretations, _variables(interpretations), plan(interpretations))


def _variables(interpretations: Iterable[Operation]) -> frozenset[str]:
    names = {each.name for root in interpretations for each in walk(root) if isinstance(each, Variable)}
    return frozenset(names | ({"salt"} if names & {"salt1", "salt2"} else set()))


def _bare(root: Operation) -> Operation:
    """Return the outermost digest without functions that only change case: the stored text is read by its length."""
    match root:
        case Applied(function=function, operand=Hashed() | Keyed() | Pbkdf2() | Scrypt() | Argon2()) if (
            function in LETTERS
        ):
            return root.operand
        case _:
            return root


def _require_sense(text: str, root: Operation) -> None:
    """Reject a formula that parses but cannot describe a stored hash."""
    inside = list(walk(root))
    if not uses_password(root):
        raise MalformedFormula("The formula does not use $pass", text, 0)
    if not any(isinstance(each, Digested | Bcrypt | Checked) for each in inside):
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
    """Return an interpretation for each input that products use in further rounds, if the formula states none."""
    if isinstance(root, Hashed) and root.rounds > 1 and root.feed is None:
        return tuple(replace(root, feed=feed) for feed in Feed)
    return (root,)


def digest_size(root: Operation) -> int | None:
    """Return the bytes of the outermost digest; None if there is none or its value is text such as base64 of hex."""
    match root:
        case Hashed() | Keyed():
            return SIZES[root.algorithm]
        case Pbkdf2() | Scrypt() | Argon2():
            return root.size
        case _:
            return None


def raw(root: Operation) -> Operation:
    """Return the outermost digest as bytes."""
    return replace(root, form=Form.RAW) if isinstance(root, Digested) else root

"""Reads a formula into operations. Knows the grammar and no stored hash; nothing is ever evaluated as code.

formula  = value { "|" value }                     any of them may match
value    = part { "." part }                       one after the other
part     = variable | text in quotes | call
call     = name [ "^" rounds ] "(" value { "," value or number } ")"
"""

import functools
from typing import NoReturn

from service.passwords.format import FindFormat
from service.passwords.formula.arguments import Argument, Arguments
from service.passwords.formula.calls import Call
from service.passwords.formula.faults import MalformedFormula
from service.passwords.formula.lexer import Kind, Token, tokens
from service.passwords.formula.names import VARIABLES
from service.passwords.formula.operations import Concatenation, Literal, Operation, Variable

MAX_DEPTH = 40
"""Calls within calls; the deepest known real formula has ten."""
MAX_CALLS = 300
"""Calls in one formula, so that its cost is bounded whatever it says."""


@functools.lru_cache(maxsize=512)
def parse(text: str, iterations: int | None, find: FindFormat) -> tuple[Operation, ...]:
    """Read `text` into its alternatives. `$iterations` stands for the row's iterations. Raises `MalformedFormula`.

    `find` looks up the named formats that may be around a formula.
    """
    return _Parser(text, iterations, find).formula()


class _Parser:
    """Recursive descent, one token ahead."""

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

"""Builds the operation that a call stands for, or says what is wrong with its arguments. Knows no characters."""

import difflib
from collections.abc import Callable
from dataclasses import replace
from typing import NoReturn

from service.immutable import immutable
from service.passwords.digests import SIZES
from service.passwords.formula.derived import Bcrypt, Pbkdf2, Scrypt
from service.passwords.formula.digested import Feed, Hashed, Keyed
from service.passwords.formula.functions import FUNCTIONS
from service.passwords.formula.lexer import Token
from service.passwords.formula.names import DigestName, digest_name, function_name, known_names, plain
from service.passwords.formula.operations import Applied, Checked, Operation
from service.passwords.formula.values import Form

_FORMS = {"raw": Form.RAW, "hex": Form.HEX, "hexupper": Form.UPPER, "base64": Form.BASE64}
_FEEDS = {Form.RAW: Feed.RAW, Form.HEX: Feed.HEX}


@immutable
class Argument:
    """One argument of a call: a value or, where `number` is set, a whole number."""

    token: Token
    value: Operation | None = None
    number: int | None = None


@immutable
class Call:
    """A name and its arguments, as they were read."""

    name: Token
    arguments: tuple[Argument, ...]
    rounds: int | None
    outermost: bool
    fail: Callable[[str, Token], NoReturn]

    def build(self) -> Operation:
        """The operation, or `MalformedFormula`."""
        digest = digest_name(self.name.value)
        if digest is not None and digest.kind == "digest":
            return self._hashed(digest)
        if self.rounds is not None:
            self.fail("Only a digest can be repeated with ^", self.name)
        if digest is not None:
            return self._keyed(digest) if digest.kind == "hmac" else self._pbkdf2(digest)
        function = function_name(self.name.value)
        if function is not None:
            return self._applied(function)
        match plain(self.name.value):
            case "bcrypt":
                return Bcrypt(*self._values(1))
            case "scrypt":
                return self._scrypt()
        return self._checked()

    def _hashed(self, digest: DigestName) -> Hashed:
        feed = digest.feed or (_FEEDS.get(digest.form) if digest.form else None)
        (operand,) = self._values(1)
        return Hashed(digest.algorithm, operand, digest.form, self.rounds or 1, feed)

    def _keyed(self, digest: DigestName) -> Keyed:
        key, message = self._values(2)
        return Keyed(digest.algorithm, key, message, digest.form)

    def _pbkdf2(self, digest: DigestName) -> Pbkdf2:
        (password, salt), (iterations, *length) = self._values(2, (1, 2)), self._numbers(2)
        return Pbkdf2(
            digest.algorithm,
            password,
            salt,
            iterations,
            length[0] if length else SIZES[digest.algorithm],
            digest.form,
        )

    def _scrypt(self) -> Scrypt:
        (password, salt), (n, r, p, *length) = self._values(2, (3, 4)), self._numbers(2)
        return Scrypt(password, salt, n, r, p, length[0] if length else 64)

    def _applied(self, function: str) -> Operation:
        (operand,) = self._values(1, FUNCTIONS[function].numbers)
        unstated = isinstance(operand, Hashed | Keyed | Pbkdf2 | Scrypt) and operand.form is None
        if unstated and function in _FORMS:
            return replace(operand, form=_FORMS[function])  # type: ignore[type-var] # all four are dataclasses
        if FUNCTIONS[function].wants_text and yields_bytes(operand):
            self.fail(f"{self.name.value} needs text, and this is raw bytes", self.arguments[0].token)
        return Applied(function, operand, self._numbers(1))

    def _checked(self) -> Checked:
        """A named format around the whole formula. The registry knows formulas too, hence the late import."""
        from service.passwords import registry  # noqa: PLC0415

        try:
            found = registry.by_name(self.name.value)
        except registry.UnknownFormat:
            self._unknown()
        if not self.outermost:
            self.fail(f"{found.name} is a format of its own: only the whole formula can be in it", self.name)
        return Checked(found.name, *self._values(1))

    def _unknown(self) -> NoReturn:
        close = difflib.get_close_matches(plain(self.name.value), known_names(), n=2, cutoff=0.6)
        hint = f"; did you mean {' or '.join(close)}?" if close else ""
        self.fail(f"No function is called {self.name.value}{hint}", self.name)

    def _values(self, count: int, numbers: tuple[int, ...] = (0,)) -> tuple[Operation, ...]:
        """The first `count` arguments, once all are of the right kind and the others are as many numbers as allowed."""
        if len(self.arguments) - count not in numbers:
            self.fail(f"{self.name.value} takes {_counted(count, numbers)}", self._misfit(count + max(numbers)))
        for argument in self.arguments[:count]:
            if argument.value is None:
                self.fail("A value is needed here, and this is a number: put it in quotes", argument.token)
        for argument in self.arguments[count:]:
            if argument.number is None:
                self.fail("A whole number is needed here", argument.token)
        return tuple(argument.value for argument in self.arguments[:count] if argument.value is not None)

    def _numbers(self, after: int) -> tuple[int, ...]:
        return tuple(argument.number for argument in self.arguments[after:] if argument.number is not None)

    def _misfit(self, most: int) -> Token:
        return self.arguments[most].token if len(self.arguments) > most else self.name


def yields_bytes(operation: Operation) -> bool:
    """Whether the value is known to be raw bytes, which have no letters."""
    match operation:
        case Hashed() | Keyed() | Pbkdf2() | Scrypt():
            return operation.form is Form.RAW
        case Applied():
            return FUNCTIONS[operation.function].yields_bytes
        case _:
            return any(yields_bytes(part) for part in operation.parts())


def _counted(values: int, numbers: tuple[int, ...]) -> str:
    text = f"{values} value{'s' if values > 1 else ''}"
    if max(numbers):
        counts = " or ".join(str(number) for number in numbers)
        text += f" and {counts} number{'s' if max(numbers) > 1 else ''}"
    return text

"""Builds the operation that a call stands for, or says that it stands for none. Knows no characters."""

import difflib
from collections.abc import Callable
from dataclasses import replace
from typing import NoReturn

from service.immutable import immutable
from service.passwords.digests import SIZES
from service.passwords.format import FindFormat
from service.passwords.formula.arguments import Arguments
from service.passwords.formula.derived import Bcrypt, Pbkdf2, Scrypt
from service.passwords.formula.digested import Feed, Hashed, Keyed
from service.passwords.formula.functions import FUNCTIONS
from service.passwords.formula.lexer import Token
from service.passwords.formula.names import DigestName, digest_name, function_name, known_names, plain
from service.passwords.formula.operations import Applied, Checked, Operation
from service.passwords.formula.sizes import yields_bytes
from service.passwords.formula.values import Form

_FORMS = {"raw": Form.RAW, "hex": Form.HEX, "hexupper": Form.UPPER, "base64": Form.BASE64}
_FEEDS = {Form.RAW: Feed.RAW, Form.HEX: Feed.HEX}


@immutable
class Call:
    """A name and its arguments, as they were read."""

    name: Token
    arguments: Arguments
    rounds: int | None
    outermost: bool
    fail: Callable[[str, Token], NoReturn]
    find: FindFormat

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
                return Bcrypt(*self.arguments.values(1))
            case "scrypt":
                return self._scrypt()
        return self._checked()

    def _hashed(self, digest: DigestName) -> Hashed:
        feed = digest.feed or (_FEEDS.get(digest.form) if digest.form else None)
        (operand,) = self.arguments.values(1)
        return Hashed(digest.algorithm, operand, digest.form, self.rounds or 1, feed)

    def _keyed(self, digest: DigestName) -> Keyed:
        key, message = self.arguments.values(2)
        return Keyed(digest.algorithm, key, message, digest.form)

    def _pbkdf2(self, digest: DigestName) -> Pbkdf2:
        (password, salt), (iterations, *length) = self.arguments.values(2, (1, 2)), self.arguments.numbers(2)
        return Pbkdf2(
            digest.algorithm,
            password,
            salt,
            iterations,
            length[0] if length else SIZES[digest.algorithm],
            digest.form,
        )

    def _scrypt(self) -> Scrypt:
        (password, salt), (n, r, p, *length) = self.arguments.values(2, (3, 4)), self.arguments.numbers(2)
        return Scrypt(password, salt, n, r, p, length[0] if length else 64)

    def _applied(self, function: str) -> Operation:
        (operand,) = self.arguments.values(1, FUNCTIONS[function].numbers)
        unstated = isinstance(operand, Hashed | Keyed | Pbkdf2 | Scrypt) and operand.form is None
        if unstated and function in _FORMS:
            return replace(operand, form=_FORMS[function])  # type: ignore[type-var] # all four are dataclasses
        if FUNCTIONS[function].wants_text and yields_bytes(operand):
            self.fail(f"{self.name.value} needs text, and this is raw bytes", self.arguments.given[0].token)
        return Applied(function, operand, self.arguments.numbers(1))

    def _checked(self) -> Checked:
        """A named format around the whole formula."""
        found = self.find(self.name.value)
        if found is None:
            self._unknown()
        if not self.outermost:
            self.fail(f"{found.name} is a format of its own: only the whole formula can be in it", self.name)
        return Checked(found, *self.arguments.values(1))

    def _unknown(self) -> NoReturn:
        close = difflib.get_close_matches(plain(self.name.value), known_names(), n=2, cutoff=0.6)
        hint = f"; did you mean {' or '.join(close)}?" if close else ""
        self.fail(f"No function is called {self.name.value}{hint}", self.name)

"""Function calls of a formula, and the operations that they build."""

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NoReturn

from service.hashing import digests
from service.hashing.digests import SIZES
from service.hashing.format import FindFormat
from service.hashing.formula.functions import ALIASES, FUNCTIONS, Form
from service.hashing.formula.lexer import Arguments, Token
from service.hashing.formula.operations import (
    Applied,
    Argon2,
    Bcrypt,
    Checked,
    Digested,
    Feed,
    Hashed,
    Keyed,
    Operation,
    Pbkdf2,
    Scrypt,
    yields_bytes,
)
from service.immutable import immutable

# The names that a formula may call and what each builds.
#
# A digest's name may end in the form of its value: `sha1_bin`, `md5_hexupper`; `raw(sha1(…))` is equivalent.

SUFFIXES: Mapping[str, Form] = {
    "bin": Form.RAW,
    "raw": Form.RAW,
    "hex": Form.HEX,
    "hexupper": Form.UPPER,
    "upper": Form.UPPER,
    "base64": Form.BASE64,
    "b64": Form.BASE64,
}
VARIABLES: Mapping[str, str] = {
    "pass": "pass",
    "password": "pass",
    "p": "pass",
    "plain": "pass",
    "salt": "salt",
    "s": "salt",
    "salt1": "salt1",
    "salt2": "salt2",
    "user": "user",
    "username": "user",
    "u": "user",
    "pepper": "pepper",
    "key": "pepper",
}
"""The names that may follow the $, and their variables; the short ones are John the Ripper's."""
_KINDS = ("pbkdf2_hmac_", "pbkdf2_", "hmac_", "")


@immutable
class DigestName:
    """A digest, alone or as part of an HMAC or PBKDF2, with the meaning of its suffix."""

    kind: str
    """``digest``, ``hmac`` or ``pbkdf2``."""
    algorithm: str
    form: Form | None
    feed: Feed | None


def plain(name: str) -> str:
    """Return a name in the spelling of the tables: lower case, parts joined by `_`."""
    return re.sub(r"[-/]", "_", name.lower())


def digest_name(name: str) -> DigestName | None:
    """Parse the name of a digest, an HMAC or a PBKDF2; return None if it is none of them."""
    text = plain(name)
    kind = next(each for each in _KINDS if text.startswith(each))
    body, _, suffix = text[len(kind) :].rpartition("_")
    feed = Feed.CHAIN if suffix == "chain" else None
    if suffix not in SUFFIXES and feed is None:
        body, suffix = text[len(kind) :], ""
    algorithm = _algorithm(body)
    if algorithm is None or (kind and algorithm not in _takes(kind)):
        return None
    return DigestName(kind.partition("_")[0] or "digest", algorithm, SUFFIXES.get(suffix), feed)


def function_name(name: str) -> str | None:
    """Return the function with this name or alias, or None."""
    text = plain(name)
    text = ALIASES.get(text, text)
    return text if text in FUNCTIONS else None


def _algorithm(text: str) -> str | None:
    """Normalise ``sha_1``, ``sha-256`` and ``sha3-256`` to ``sha1``, ``sha256`` and ``sha3_256``."""
    compact = re.sub(r"^(sha|md|blake2|ripemd)_", r"\1", text)
    compact = re.sub(r"^(sha3|keccak)_?(\d{3})$", r"\1_\2", compact)
    if re.fullmatch(r"blake2[bs]_\d{3}", compact) and compact in {"blake2b_512", "blake2s_256"}:
        compact = compact[:7]
    return compact if compact in digests.SIZES else None


def _takes(kind: str) -> frozenset[str]:
    """Return the digests available for an HMAC or a PBKDF2: iterating those that OpenSSL lacks is too slow."""
    keyed = frozenset(name for name in digests.SIZES if not name.startswith("keccak"))
    return keyed if kind == "hmac_" else keyed - digests.NOT_IN_HASHLIB


def known_names() -> frozenset[str]:
    """Return every callable name, for suggestions."""
    kinds = (f"{kind}{name}" for kind in ("hmac_", "pbkdf2_") for name in _takes(kind))
    return frozenset({*digests.SIZES, *kinds, *FUNCTIONS, *ALIASES, "argon2id", "bcrypt", "scrypt"})


_FORMS = {"raw": Form.RAW, "hex": Form.HEX, "hexupper": Form.UPPER, "base64": Form.BASE64}
_FEEDS = {Form.RAW: Feed.RAW, Form.HEX: Feed.HEX}


@immutable
class Call:
    """A parsed call: a name and its arguments."""

    name: Token
    arguments: Arguments
    rounds: int | None
    outermost: bool
    fail: Callable[[str, Token], NoReturn]
    find: FindFormat

    def build(self) -> Operation:
        """Return the operation. Raises `MalformedFormula`."""
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
        return self._slow() or self._checked()

    def _slow(self) -> Operation | None:
        match plain(self.name.value):
            case "bcrypt":
                return Bcrypt(*self.arguments.values(1))
            case "scrypt":
                return self._scrypt()
            case "argon2i" | "argon2d" | "argon2id" as kind if len(self.arguments.given) > 1:
                return self._argon2(kind.removeprefix("argon2"))
        return None

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

    def _argon2(self, kind: str) -> Argon2:
        (password, salt), (passes, memory, lanes, *length) = self.arguments.values(2, (3, 4)), self.arguments.numbers(2)
        return Argon2(kind, password, salt, passes, memory, lanes, length[0] if length else 32)

    def _applied(self, function: str) -> Operation:
        (operand,) = self.arguments.values(1, FUNCTIONS[function].numbers)
        unstated = isinstance(operand, Digested) and operand.form is None
        if unstated and function in _FORMS:
            return replace(operand, form=_FORMS[function])  # type: ignore[type-var] # all of them are dataclasses
        if FUNCTIONS[function].wants_text and yields_bytes(operand):
            self.fail(f"{self.name.value} needs text, and this is raw bytes", self.arguments.given[0].token)
        return Applied(function, operand, self.arguments.numbers(1))

    def _checked(self) -> Checked:
        """Return a named format applied to the whole formula."""
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

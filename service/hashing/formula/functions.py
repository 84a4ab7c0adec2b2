"""Functions of one value in a formula: case, charsets, encodings, truncation."""

import base64
import binascii
import enum
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import field

from service.hashing.formula.transformations import OF_TEXT, TO_BYTES, needs_symfony_digest, sha512_if_long
from service.immutable import immutable

# The values of a formula: text, which consists of characters and is encoded with a charset, and bytes.

Value = str | bytes


class Form(enum.Enum):
    """The form in which a digest is passed to the enclosing operation."""

    HEX = "hex"
    UPPER = "hexupper"
    RAW = "raw"
    BASE64 = "base64"

    def write(self, digest: bytes) -> Value:
        """Return the digest in this form: text, except for `RAW`."""
        match self:
            case Form.RAW:
                return digest
            case Form.HEX:
                return digest.hex()
            case Form.UPPER:
                return digest.hex().upper()
            case Form.BASE64:
                return base64.b64encode(digest).decode("ascii")

    def length(self, size: int) -> int:
        """Return the characters (`RAW`: bytes) of a digest of `size` bytes in this form."""
        return len(self.write(bytes(size)))


@immutable
class Given:
    """The inputs of one evaluation: the password and the row's values."""

    password: str = field(repr=False)
    salt: Value = field(default=b"", repr=False)
    username: str = field(default="", repr=False)
    pepper: Value = field(default=b"", repr=False)
    setting: bytes = field(default=b"", repr=False)
    """The stored bcrypt hash, from which `bcrypt(…)` takes its cost and salt."""
    charset: str = "utf-8"

    def encode(self, value: Value) -> bytes:
        """Return the bytes of a value. Raises `UnicodeEncodeError` if the charset lacks a character."""
        return value.encode(self.charset) if isinstance(value, str) else value

    def decode(self, value: Value) -> str:
        """Return the text of a value. Raises `UnicodeDecodeError` if the bytes are invalid in the charset."""
        return value if isinstance(value, str) else value.decode(self.charset)


@immutable
class Function:
    """The signature of a function and its implementation."""

    apply: Callable[..., Value]
    """Receives the inputs, the value and the numbers."""
    numbers: tuple[int, ...] = (0,)
    """How many numbers may follow the value."""
    wants_text: bool = False
    """It needs characters: raw bytes are rejected when the formula is parsed."""
    yields_bytes: bool = False


_TO_LOWER = str.maketrans({chr(upper): chr(upper + 32) for upper in range(0x41, 0x5B)})
_TO_UPPER = str.maketrans({chr(lower): chr(lower - 32) for lower in range(0x61, 0x7B)})


def _of_text(function: Callable[[str], str]) -> Function:
    return Function(lambda given, value: function(given.decode(value)), wants_text=True)


def _to_bytes(function: Callable[[str], bytes]) -> Function:
    return Function(lambda given, value: function(given.decode(value)), wants_text=True, yields_bytes=True)


def _symfony_if_long(given: Given, value: Value) -> Value:
    """Return Symfony's key for bcrypt: the base64 of SHA-512 if bcrypt could not take the password."""
    secret = given.encode(value)
    if not needs_symfony_digest(secret):
        return value
    return base64.b64encode(hashlib.sha512(secret).digest()).decode("ascii")


def _encoded(charset: str) -> Function:
    return Function(lambda given, value: given.decode(value).encode(charset), wants_text=True, yields_bytes=True)


def _left(_: Given, value: Value, length: int) -> Value:
    return value[:length]


def _right(_: Given, value: Value, length: int) -> Value:
    return value[-length:] if length else value[:0]


def _cut(_: Given, value: Value, start: int, length: int | None = None) -> Value:
    return value[start : None if length is None else start + length]


def _unhex(given: Given, value: Value) -> bytes:
    try:
        return bytes.fromhex(given.decode(value))
    except ValueError as fault:
        raise _not(given, value, "hex") from fault


def _unbase64(given: Given, value: Value) -> bytes:
    text = given.decode(value).replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as fault:
        raise _not(given, value, "base64") from fault


def _not(given: Given, value: Value, encoding: str) -> UnicodeDecodeError:
    """Return the only kind of exception that evaluation may raise; it does not quote the value."""
    return UnicodeDecodeError(encoding, b"", 0, len(given.encode(value)), "the value is not in this encoding")


def _numbered(text: str) -> str:
    """Encode the characters that latin-1 lacks as browsers do when they submit a form: ``&#8364;``."""
    return text.encode("latin-1", "xmlcharrefreplace").decode("latin-1")


_INVISION = str.maketrans(
    {
        "&": "&amp;",
        "<": "&lt;",
        ">": "&gt;",
        '"': "&quot;",
        "'": "&#39;",
        "!": "&#33;",
        "$": "&#036;",
        "\\": "&#092;",
    }
)
"""The replacements that Invision Power Board 2 and 3 apply to all form input, passwords included."""


FUNCTIONS: Mapping[str, Function] = {
    "lower": _of_text(str.lower),
    "upper": _of_text(str.upper),
    "strtolower": _of_text(lambda text: text.translate(_TO_LOWER)),
    "strtoupper": _of_text(lambda text: text.translate(_TO_UPPER)),
    "ucfirst": _of_text(lambda text: text[:1].translate(_TO_UPPER) + text[1:]),
    **{name: _of_text(function) for name, function in OF_TEXT.items()},
    **{name: _to_bytes(function) for name, function in TO_BYTES.items()},
    "sha512_if_long": Function(lambda given, value: sha512_if_long(given.encode(value)), yields_bytes=True),
    "symfony_if_long": Function(_symfony_if_long),
    "numeric_entities": _of_text(_numbered),
    "invision": _of_text(lambda text: text.translate(_INVISION)),
    "strrev": Function(lambda _, value: value[::-1]),
    "left": Function(_left, (1,)),
    "right": Function(_right, (1,)),
    "cut": Function(_cut, (1, 2)),
    "utf8": _encoded("utf-8"),
    "utf16le": _encoded("utf-16-le"),
    "utf16be": _encoded("utf-16-be"),
    "latin1": _encoded("latin-1"),
    "cp1252": _encoded("cp1252"),
    "ascii": _encoded("ascii"),
    "hex": Function(lambda given, value: given.encode(value).hex()),
    "hexupper": Function(lambda given, value: given.encode(value).hex().upper()),
    "base64": Function(lambda given, value: base64.b64encode(given.encode(value)).decode("ascii")),
    "base64url": Function(lambda given, value: base64.urlsafe_b64encode(given.encode(value)).decode("ascii")),
    "unhex": Function(_unhex, yields_bytes=True),
    "unbase64": Function(_unbase64, yields_bytes=True),
    "raw": Function(lambda given, value: given.encode(value), yields_bytes=True),
}
ALIASES: Mapping[str, str] = {
    "tolower": "lower",
    "toupper": "upper",
    "lcase": "lower",
    "ucase": "upper",
    "htmlspecialchars": "htmlspecialchars_quotes",
    "html_entity_decode": "unescape_html",
    "substr": "cut",
    "reverse": "strrev",
    "bin": "raw",
    "bin2hex": "hex",
    "hex2bin": "unhex",
    "base64_encode": "base64",
    "base64_decode": "unbase64",
    "utf_8": "utf8",
    "utf16": "utf16le",
    "utf_16": "utf16le",
    "utf_16le": "utf16le",
    "utf_16_le": "utf16le",
    "ucs2": "utf16le",
    "unicode": "utf16le",
    "latin_1": "latin1",
    "iso_8859_1": "latin1",
    "windows_1252": "cp1252",
}

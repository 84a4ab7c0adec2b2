"""The encodings that hashes are stored in.

Real stores pad or do not pad, and mix the alphabets of base64, so the readers accept both ways, and nothing else.
"""

import base64
import binascii
import re

from service.hashing.format import MalformedHash

HEX = re.compile(r"(?:[0-9A-Fa-f]{2})*")
BASE64 = re.compile(r"[A-Za-z0-9+/\-_.]*={0,2}")
HEX_DIGEST = re.compile(r"(?:[0-9A-Fa-f]{2}){16,}")
"""Of 32 digits or more: base64 of that length made of hex digits alone is next to impossible."""
MIN_DIGEST = 12
"""Bytes: a shorter digest, which only a truncated hash has, would be matched too easily."""
CRYPT64 = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
"""The alphabet of crypt(3), where `.` is 0 (called hash64 by passlib)."""
BCRYPT64 = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
"""The alphabet of bcrypt: the same characters in another order."""
HEX_DIGIT = r"[0-9A-Fa-f]"
"""Of either case, in a pattern."""
STANDARD64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def unhex(text: str) -> bytes:
    """Read hex digits of either case."""
    if not HEX.fullmatch(text):
        raise MalformedHash("a part that should be hex is not")
    return bytes.fromhex(text)


def unbase64(text: str) -> bytes:
    """Read base64 of the standard or the URL alphabet, or passlib's ab64 (`.` for `+`), padded or not."""
    if not BASE64.fullmatch(text):
        raise MalformedHash("a part that should be base64 is not")
    digits = text.rstrip("=").replace("-", "+").replace("_", "/").replace(".", "+")
    try:
        return base64.b64decode(digits + "=" * (-len(digits) % 4))
    except binascii.Error:
        raise MalformedHash("a part that should be base64 has an impossible length") from None


def unbase64_alphabet(text: str, alphabet: str) -> bytes:
    """Read base64 whose 64 digits are `alphabet`, most significant bits first, without padding."""
    if any(character not in alphabet for character in text):
        raise MalformedHash("a part has a character outside its alphabet")
    return unbase64(text.translate(str.maketrans(alphabet, STANDARD64)))


def to_base64_alphabet(raw: bytes, alphabet: str) -> str:
    """Write base64 whose 64 digits are `alphabet`, most significant bits first, without padding."""
    return base64.b64encode(raw).decode("ascii").rstrip("=").translate(str.maketrans(STANDARD64, alphabet))


def undigest(text: str, size: int) -> bytes:
    """Read a digest of `size` bytes from hex or base64, told apart by its length."""
    raw = unhex(text) if len(text) == 2 * size else unbase64(text)
    if len(raw) != size:
        raise MalformedHash("the digest has the wrong length")
    return raw


def undigest_column(text: str) -> bytes:
    """Read a digest whose size the format leaves open, from hex or base64."""
    raw = unhex(text) if HEX_DIGEST.fullmatch(text) else unbase64(text)
    if len(raw) < MIN_DIGEST:
        raise MalformedHash("the digest is too short")
    return raw


def to_bytes(text: str, charset: str) -> bytes:
    """Encode a part of a stored hash that is used as text."""
    encoded = encode(text, charset)
    if encoded is None:
        raise MalformedHash("a part of the hash is not in the charset of its source")
    return encoded


def require_charset(charset: str) -> None:
    """Refuse a charset that Python does not know, which would make every password wrong."""
    if encode("a", charset) is None:
        raise MalformedHash(f"no charset is called {charset!r}")


def encode(text: str, charset: str) -> bytes | None:
    """Encode a password, or return None where the charset lacks a character of it: then it cannot be right."""
    try:
        return text.encode(charset)
    except (UnicodeError, LookupError):
        return None

"""The digests that the stored text may be, with the formula around each."""

import base64
import binascii
import re
from typing import NamedTuple

from service.hashing.digests import SIZES
from service.hashing.encodings import HEX, unbase64, unhex
from service.hashing.format import MalformedHash
from service.hashing.formula.check import hex_prefix

SLOW = frozenset({"whirlpool"})
"""A thousand times slower than the other digests."""
MIN_PART = 16
"""Hex digits of a truncated digest: with fewer, one of millions of candidates would match by chance."""


class Goal(NamedTuple):
    """A digest that a candidate must yield, and the calls that its formula needs around the outermost digest."""

    value: bytes
    left: str = ""
    suffix: str = ""
    right: str = ""

    def formula(self, algorithm: str, inner: str, numbers: str = "") -> str:
        """Return the formula whose outermost digest is `algorithm` over `inner`."""
        return f"{self.left}{algorithm}{self.suffix}({inner}{numbers}){self.right}"

    def __repr__(self) -> str:
        """Show nothing of the hash."""
        return f"Goal({self.left}…{self.right})"


def algorithms_of(size: int, *, rare: bool) -> tuple[str, ...]:
    """Return the digests of this size: the usual ones, or the others."""
    usual = {"md5", "sha1", "sha224", "sha256", "sha384", "sha512"}
    return tuple(name for name, length in SIZES.items() if length == size and (name not in usual) == rare)


def goals_of(text: str, salt: str | None) -> list[Goal]:
    """Return every digest that the text may be, the plain interpretation first."""
    text = text.strip()
    plain = _digest(text)
    found = [] if plain is None else [Goal(plain)]
    found += _encoded_twice(text)
    if salt and text.startswith(salt) and (rest := _digest(text[len(salt) :])) is not None:
        found.append(Goal(rest, "$salt.", _suffix(text[len(salt) :])))
    if salt and text.endswith(salt) and (rest := _digest(text[: -len(salt)])) is not None:
        found.append(Goal(rest, "", _suffix(text[: -len(salt)]), ".$salt"))
    return found


def key_of(text: str) -> bytes | None:
    """Decode a derived key of 16 bytes or more from hex or base64."""
    raw = _raw(text.strip())
    return raw if raw is not None and len(raw) >= MIN_PART else None


def hex_part_of(text: str) -> str | None:
    """Return the text if it may be a substring of a digest in hex; None if it is too short, or not hex."""
    bare = text.strip()[len(hex_prefix(text.strip())) :].lower()
    return bare if len(bare) >= MIN_PART and re.fullmatch("[0-9a-f]+", bare) else None


def _digest(text: str) -> bytes | None:
    raw = _raw(text)
    return raw if raw is not None and len(raw) in SIZES.values() else None


def _raw(text: str) -> bytes | None:
    bare = text[len(hex_prefix(text)) :]
    try:
        return unhex(bare) if bare and HEX.fullmatch(bare) else unbase64(text)
    except (MalformedHash, ValueError):
        return None


def _suffix(text: str) -> str:
    if not HEX.fullmatch(text):
        return "_base64"
    return "_hexupper" if text != text.lower() else ""


def _encoded_twice(text: str) -> list[Goal]:
    """Decode base64 of a digest's hex text, and hex of its base64."""
    found = []
    if (inner := _ascii(_base64(text))) is not None and (made := _digest(inner)) is not None:
        found.append(Goal(made, "base64(", _suffix(inner) or "_hex", ")"))
    if HEX.fullmatch(text) and (inner := _ascii(unhex(text))) is not None and (made := _digest(inner)) is not None:
        found.append(Goal(made, "hex(", _suffix(inner) or "_hex", ")"))
    return found


def _base64(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def _ascii(raw: bytes | None) -> str | None:
    return raw.decode("ascii") if raw and raw.isascii() else None

"""Reads the stored text as a formula's value: what the right password must give. Knows no check and no column."""

import re

from service.passwords.bcrypt import TAIL
from service.passwords.encodings import HEX, to_bytes, unbase64, unhex
from service.passwords.format import MalformedHash
from service.passwords.formula.formula import Formula, digest_size, raw
from service.passwords.formula.operations import Applied, Operation
from service.passwords.formula.sizes import length_of

_BCRYPT = re.compile(r"(?P<prefix>\$2[aby]\$)" + TAIL)
_PREFIXES = ("0x", "0X", "\\x", "$BLAKE2$")
"""What SQL Server, PostgreSQL and hashcat write before hex."""


def fits(formula: Formula, digest: str) -> bool:
    """Tell whether `digest` has the length and alphabet of the formula's value."""
    return any(expected_value(interpretation, digest)[1] is not None for interpretation in formula.interpretations)


def expected_value(root: Operation, text: str) -> tuple[Operation, bytes | None]:
    """The reading and the bytes it must give for the right password, or None where the text cannot be its value."""
    size = digest_size(root)
    if size is not None:
        return raw(root), _read(text, size)
    if length_of(root) not in {None, len(text)}:
        return root, None
    if HEX.fullmatch(text):
        return Applied("strtolower", root), text.lower().encode()
    return root, to_bytes(text, "utf-8")


def _read(text: str, size: int) -> bytes | None:
    """A digest of `size` bytes from hex or base64, told apart by its length."""
    prefix = marker_of(text)
    bare = text[len(prefix) :] if len(text) == 2 * size + len(prefix) else text
    try:
        digest = unhex(bare) if HEX.fullmatch(bare) else unbase64(bare)
    except MalformedHash:
        return None
    return digest if len(digest) == size else None


def require_bcrypt(text: str) -> re.Match[str]:
    """A bcrypt hash in its parts, from which `bcrypt(…)` takes cost and salt."""
    match = _BCRYPT.fullmatch(text)
    if match is None:
        raise MalformedHash("the formula needs a bcrypt hash")
    return match


def marker_of(text: str) -> str:
    """What stands before hex, or nothing."""
    return next((each for each in _PREFIXES if text.startswith(each)), "")

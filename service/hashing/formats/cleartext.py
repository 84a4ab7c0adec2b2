"""Passwords that a store keeps in clear text.

`{CLEARTEXT}` and similar prefixes are removed. Spring's `{noop}` is parsed in `spring`.
"""

import re

from service.hashing.check import Comparison
from service.hashing.encodings import to_bytes
from service.hashing.format import Check, StoredHash
from service.hashing.shape import Shape


def same(secret: bytes) -> bytes:
    """Return the password itself."""
    return secret


def read_cleartext(stored: StoredHash, _match: re.Match[str]) -> Check:
    """Parse the password; leading and trailing blanks belong to it."""
    text = MARK.sub("", stored.hash, count=1)
    return Comparison(same, to_bytes(text, stored.recipe.charset), "none", charset=stored.recipe.charset)


MARK = re.compile(r"(?i)\A\{(?:CLEARTEXT|CLEAR|PLAIN)\}")

FORMATS = (
    Shape(
        "cleartext",
        re.compile(r"(?s)(?:(?i:\{(?:CLEARTEXT|CLEAR|PLAIN)\}))?(?P<digest>.+)"),
        read_cleartext,
        aliases=("plaintext", "plain", "clear"),
        names_itself=False,
    ),
)

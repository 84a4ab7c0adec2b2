"""Passwords that a store keeps in clear.

`{CLEARTEXT}` and its like before the password are left out. Spring's `{noop}` is read in `spring`.
"""

import re

from service.hashing.check import Comparison
from service.hashing.encodings import to_bytes
from service.hashing.format import Check, StoredHash
from service.hashing.shape import Shape


def same(secret: bytes) -> bytes:
    """The password itself."""
    return secret


def read_cleartext(stored: StoredHash, _match: re.Match[str]) -> Check:
    """Blanks around it belong to the password."""
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

"""Which hashes are alike: whatever can be said of one, but for its digits, can be said of all. Knows no format.

Parsing is half of the time of loading a million rows. What it finds out, whether the hash is well-formed and what it
costs, depends on the digits of salt and digest in no format that writes them in one of three ways: bcrypt, which says
prefix and cost before them, whole bytes in hex, and the padded base64 of a directory's `{SSHA}` and its like.
Everything else is parsed row by row; so is an odd number of digits, of which the first may be a mark.
"""

import re

from service.passwords.format import Recipe

ALIKE = re.compile(
    r"(\$2[abxy]\$[0-9]{2}\$)[./A-Za-z0-9]{53}"
    # What is in hex as a whole a directory may read as hex: it is not alike to base64 of the same length.
    r"|(\{(?i:S?(?:MD5|SHA[0-9]{0,3}))\})(?=[0-9A-Fa-f]*[^0-9A-Fa-f])(?:[A-Za-z0-9+/]{4})*"
    r"(?:[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)"
    r"|((?:[0-9a-f]{2})+)"
    r"|((?:[0-9A-F]{2})+)"
)
"""Groups: what stands before the digits of bcrypt, and of a directory's digest; lower hex; upper hex."""

DIGIT_BY_DIGIT = frozenset({"cisco_type7", "cisco7"})
"""Formats in hex that say something with single digits."""

ParseKey = tuple[int, int | None, str, int, bool | None, bool]


def parse_key(recipe: Recipe, text: str, salt: str | None, username: str | None) -> ParseKey | None:
    """Give what hashes of one recipe share that are alike; None for a hash that is to be parsed by itself."""
    match = ALIKE.fullmatch(text)
    if match is None or recipe.format in DIGIT_BY_DIGIT or not (username is None or username.isascii()):
        return None
    if salt is not None and not (recipe.salt_encoding == "text" and salt.isascii()):
        return None
    kind = match.lastindex
    said = match[1] or match[2] or ""
    # The recipe by its identity: the resolver keeps one object for each.
    return id(recipe), kind, said, len(text), _salted(salt), username is None


def _salted(salt: str | None) -> bool | None:
    """A salt with the padding of base64 may be read in two ways, which takes twice the time."""
    return None if salt is None else salt.endswith("=")

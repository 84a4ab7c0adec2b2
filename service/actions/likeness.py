"""Which hashes are alike: whatever can be said of one, but for its digits, can be said of all. Knows no format.

Parsing is half of the time of loading a million rows. What it finds out, whether the hash is well-formed and what it
costs, depends on the digits of salt and digest in no format that writes them in one of two ways: bcrypt, which says
prefix and cost before them, and whole bytes in hex. Everything else is parsed row by row; so is an odd number of
digits, of which the first may be a mark.
"""

import re

from service.passwords.format import Recipe

ALIKE = re.compile(
    r"(?P<bcrypt>\$2[abxy]\$[0-9]{2}\$)[./A-Za-z0-9]{53}|(?P<lower>(?:[0-9a-f]{2})+)|(?P<upper>(?:[0-9A-F]{2})+)"
)

Likeness = tuple[int, str, int, bool, bool]


def likeness(recipe: Recipe, text: str, salt: str | None, username: str | None) -> Likeness | None:
    """Give what hashes of one recipe share that are alike; None for a hash that is to be parsed by itself."""
    match = ALIKE.fullmatch(text)
    if match is None or not _is_plain(username):
        return None
    if salt is not None and not (recipe.salt_encoding == "text" and salt.isascii()):
        return None
    # The recipe by its identity: the resolver keeps one object for each.
    return id(recipe), match["bcrypt"] or match.lastgroup or "", len(text), salt is None, username is None


def _is_plain(text: str | None) -> bool:
    return text is None or text.isascii()

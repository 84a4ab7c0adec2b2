"""Hashes whose text was written as bytes or a literal: hex of a column of bytes, Python's `b'...'`, SQL's `N'...'`.

A digest in hex is no such hash: what the hex stands for must be the printable text of a hash with a mark.
"""

import re

_IN_HEX = re.compile(r"(?:\\\\?x|0[xX])?((?:[2-7][0-9A-Fa-f]){13,2048})|[xX]'((?:[2-7][0-9A-Fa-f]){13,2048})'")
SHORTEST = 24
"""Characters: longer than the bytes of MD5 and SHA-1, whose hex must stay a digest."""
_LITERAL = re.compile(r"(?:bytearray\()?[bBeEnN]?(['\"])([ -~]{13,4096})\1\)?")
"""A literal of Python or SQL, or a cell whose quotes were kept."""
_MARKED = re.compile(r"(?:[$_{]|[a-z0-9_]{2,20}[$:])[!-~ ]+[$}:*][!-~ ]*", re.IGNORECASE)
"""How a hash begins that is more than a digest: `$2b$`, `{SSHA}`, `pbkdf2_sha256$`."""


def unpacked(text: str) -> str:
    """Give the text of a hash that was written as bytes; any other text as it is."""
    bare = text.strip()
    if not bare or bare[0] not in "\\0bxX27'\"BeEnN":
        return text
    if match := _LITERAL.fullmatch(bare):
        found = re.sub(r"\\(['\"\\])", r"\1", match[2])
    elif match := _IN_HEX.fullmatch(bare):
        found = bytes.fromhex(match[1] or match[2]).decode("ascii")
    else:
        return text
    return found if len(found) >= SHORTEST and _MARKED.fullmatch(found) else text

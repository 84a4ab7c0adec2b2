"""Hashes whose text was written as bytes: hex as databases print a column of bytes, or Python's `b'...'`.

A digest in hex is no such hash: what the hex stands for must be the printable text of a hash with a mark.
"""

import re

_IN_HEX = re.compile(r"(?:\\\\?x|0[xX])?((?:[2-7][0-9A-Fa-f]){13,2048})|[xX]'((?:[2-7][0-9A-Fa-f]){13,2048})'")
_PYTHON = re.compile(r"b(['\"])([ -~]{13,4096})\1")
_MARKED = re.compile(r"(?:[$_{]|[a-z0-9_]{2,20}[$:])[!-~ ]+[$}:*][!-~ ]*", re.IGNORECASE)
"""How a hash begins that is more than a digest: `$2b$`, `{SSHA}`, `pbkdf2_sha256$`."""


def unpacked(text: str) -> str:
    """Give the text of a hash that was written as bytes; any other text as it is."""
    bare = text.strip()
    if bare[:1] not in "\\0bxX27" or not bare:
        return text
    if match := _PYTHON.fullmatch(bare):
        found = re.sub(r"\\(['\"\\])", r"\1", match[2])
    elif match := _IN_HEX.fullmatch(bare):
        found = bytes.fromhex(match[1] or match[2]).decode("ascii")
    else:
        return text
    return found if _MARKED.fullmatch(found) else text

"""The columns beside a hash: salt, iterations, options of the source."""

import re
from dataclasses import replace

from service.hashing.encodings import to_bytes, unbase64, undigest_column, unhex
from service.hashing.format import MalformedHash, NoUsername, StoredHash
from service.hashing.limits import number

HEX_MARK = r"(?:0[xX]|\\x)"
"""What SQL Server and PostgreSQL write before hex."""
DIGEST = (
    rf"(?:{HEX_MARK}(?=(?:[0-9A-Fa-f]{{2}}){{16,}}(?:[:.$]|$)))?"
    r"(?P<digest>[A-Za-z0-9+/_-]{16,}={0,2})(?:[:.$](?P<salt>.+))?"
)
"""A digest in hex or base64, with the salt behind a colon, dot or dollar where it has no column of its own."""
_PADDED = re.compile(r"(?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)")
_WHOLE = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")


def separated(stored: StoredHash, match: re.Match[str]) -> StoredHash:
    """The row with the salt that a match of `DIGEST` holds, unless it has a salt column."""
    return stored if stored.salt is not None else replace(stored, salt=match["salt"])


def other_interpretation(stored: StoredHash, match: re.Match[str], size: int) -> tuple[bytes, bytes] | None:
    """Salt and digest where a match of `DIGEST` may just as well mean others; None where it may not.

    Guides for Node write the salt first: then the digest has the usual `size`, and the salt is shorter. And nobody may
    have said of a salt that it is base64, though its padding shows that it may be.
    """
    salt, key = match["digest"], match["salt"] or ""
    if stored.salt is None and len(salt) < len(key) and _WHOLE.fullmatch(key):
        raw = undigest_column(key)
        if len(raw) == size:
            return salt_of(replace(stored, salt=salt)), raw
    beside = separated(stored, match).salt or ""
    if stored.recipe.salt_encoding == "text" and _PADDED.fullmatch(beside):
        return unbase64(beside), undigest_column(salt)
    return None


def salt_text(stored: StoredHash) -> str:
    """The salt column as it stands."""
    if stored.salt is None:
        raise MalformedHash("the format needs a salt column")
    return stored.salt


def salt_of(stored: StoredHash) -> bytes:
    """The salt column as bytes, by the source's salt encoding."""
    salt = salt_text(stored)
    match stored.recipe.salt_encoding:
        case "text":
            return to_bytes(salt, stored.recipe.charset)
        case "hex":
            return unhex(re.sub(f"^{HEX_MARK}", "", salt))
        case "base64":
            return unbase64(salt)
    raise MalformedHash("the salt encoding is none of text, hex and base64")


def username_of(stored: StoredHash) -> str:
    """The name that was mixed into the hash."""
    if stored.username is None:
        raise NoUsername("the format needs a username")
    return stored.username


def option(stored: StoredHash, name: str, default: str | None = None) -> str:
    """An option of the source; without a default it must be there."""
    text = stored.recipe.options.get(name, default)
    if text is None:
        raise MalformedHash(f"the source lacks the option {name}")
    return str(text)


def number_option(stored: StoredHash, name: str, default: int | None = None) -> int:
    """An option of the source that is a whole number."""
    return number(option(stored, name, None if default is None else str(default)))


def iterations_of(stored: StoredHash, default: int | None = None) -> int:
    """The iterations of the source or row."""
    iterations = stored.recipe.iterations if stored.recipe.iterations is not None else default
    if iterations is None:
        raise MalformedHash("the format needs iterations")
    return iterations

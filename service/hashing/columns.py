"""The columns stored with a hash: salt, iterations and options of the source."""

import re
from dataclasses import replace

from service.hashing.encodings import to_bytes, unbase64, undigest_column, unhex
from service.hashing.format import MalformedHash, NoUsername, StoredHash
from service.hashing.limits import number

HEX_MARK = r"(?:0[xX]|\\x)"
"""The prefixes that SQL Server and PostgreSQL write before hex."""
DIGEST = (
    rf"(?:{HEX_MARK}(?=(?:[0-9A-Fa-f]{{2}}){{16,}}(?:[:.$]|$)))?"
    r"(?P<digest>[A-Za-z0-9+/_-]{16,}={0,2})(?:[:.$](?P<salt>.+))?"
)
"""A digest in hex or base64, followed by the salt after a colon, dot or dollar if there is no salt column."""
_PADDED = re.compile(r"(?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)")
_WHOLE = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")


def separated(stored: StoredHash, match: re.Match[str]) -> StoredHash:
    """Return the row with the salt that a match of `DIGEST` holds, unless it has a salt column."""
    return stored if stored.salt is not None else replace(stored, salt=match["salt"])


def other_interpretation(stored: StoredHash, match: re.Match[str], size: int) -> tuple[bytes, bytes] | None:
    """Return salt and digest if a match of `DIGEST` can be read in a second way; otherwise None.

    Tutorials for Node write the salt first: the second part then has the usual `size`, and the first is shorter. A salt
    may also be base64 without a declared encoding, as its padding suggests.
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
    """Return the salt column unchanged."""
    if stored.salt is None:
        raise MalformedHash("the format needs a salt column")
    return stored.salt


def salt_of(stored: StoredHash) -> bytes:
    """Return the salt column as bytes, decoded with the source's salt encoding."""
    salt = salt_text(stored)
    match stored.recipe.salt_encoding:
        case "text":
            return to_bytes(salt, stored.recipe.charset)
        case "hex":
            return unhex(re.sub(f"^{HEX_MARK}", "", salt))
        case "base64":
            return unbase64(salt)
    raise MalformedHash("the salt encoding must be text, hex or base64")


def salt_value(stored: StoredHash) -> str | bytes:
    """Return the salt: as text if it is in a text column, so that `utf16le($salt)` is defined, else as bytes."""
    if stored.salt is not None and stored.recipe.salt_encoding == "text":
        return stored.salt
    return salt_of(stored)


def username_of(stored: StoredHash) -> str:
    """Return the user name that was mixed into the hash."""
    if stored.username is None:
        raise NoUsername("the format needs a username")
    return stored.username


def option(stored: StoredHash, name: str, default: str | None = None) -> str:
    """Return an option of the source. Raises `MalformedHash` if it is absent and has no default."""
    text = stored.recipe.options.get(name, default)
    if text is None:
        raise MalformedHash(f"the source lacks the option {name}")
    return str(text)


def number_option(stored: StoredHash, name: str, default: int | None = None) -> int:
    """Return an option of the source that is a whole number."""
    return number(option(stored, name, None if default is None else str(default)))


def iterations_of(stored: StoredHash, default: int | None = None) -> int:
    """Return the iterations of the row or the source."""
    iterations = stored.recipe.iterations if stored.recipe.iterations is not None else default
    if iterations is None:
        raise MalformedHash("the format needs iterations")
    return iterations

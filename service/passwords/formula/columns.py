"""Takes a row apart for a formula: digest, salt and username, often kept in one column. Knows no operation."""

from dataclasses import replace

from service.passwords.columns import salt_of
from service.passwords.format import MalformedHash, StoredHash
from service.passwords.formula.values import Value
from service.passwords.shape import BLANK


def separated(stored: StoredHash, uses: frozenset[str]) -> StoredHash:
    """Move what follows the first colon of the hash to the column that the formula needs and the row lacks.

    The first, because a salt may hold colons and a digest, in hex as in base64, holds none.
    """
    text = stored.hash.strip(BLANK)
    digest, colon, rest = text.partition(":")
    beside = {"salt": stored.salt, "username": stored.username}
    if stored.salt is not None and rest.startswith(f"{stored.salt}:"):
        return replace(stored, hash=digest, salt=rest if "salt2" in uses else stored.salt)
    if uses >= {"salt", "user"} and beside == {"salt": None, "username": None} and ":" in rest:
        salt, _, username = rest.rpartition(":")
        return replace(stored, hash=digest, salt=salt, username=username)
    if not colon or rest in [value for value in beside.values() if value is not None]:
        return replace(stored, hash=digest)
    if "salt" in uses and stored.salt is None:
        return replace(stored, hash=digest, salt=rest)
    if "user" in uses and stored.username is None:
        return replace(stored, hash=digest, username=rest)
    return replace(stored, hash=text)


def joined_again(stored: StoredHash, parts: StoredHash) -> StoredHash:
    """The reverse of `separated`, for a stand-in: `parts` in as many columns as `stored` has."""
    rest = [
        made
        for made, had in ((parts.salt, stored.salt), (parts.username, stored.username))
        if made is not None and had is None
    ]
    return replace(
        stored,
        hash=":".join([parts.hash, *rest]),
        salt=None if stored.salt is None else parts.salt,
        username=None if stored.username is None else parts.username,
    )


def salt_value(stored: StoredHash) -> Value:
    """The salt: text in a text column, so that `utf16le($salt)` means something, else bytes."""
    if stored.salt is not None and stored.recipe.salt_encoding == "text":
        return stored.salt
    return salt_of(stored)


def pepper_value(stored: StoredHash) -> Value:
    """The pepper as text where it is UTF-8."""
    if stored.pepper is None:
        raise MalformedHash("the formula uses $pepper, and the source names no variable that holds one")
    try:
        return stored.pepper.decode("utf-8")
    except UnicodeDecodeError:
        return stored.pepper

"""Makes a hash of nobody's out of somebody's: the same shape and cost, another digest and salt. Knows no format."""

import re
import secrets
import string
from collections.abc import Iterable
from dataclasses import replace

from service.passwords.format import StoredHash

ALPHABETS = (string.digits, string.digits + "abcdef", string.digits + "ABCDEF", string.hexdigits, string.ascii_letters)
"""The narrower alphabets, of which a text may not leave the one it is written in."""


def scramble(text: str) -> str:
    """Replace every letter and digit by a random one of the same alphabet; padding and separators stay."""
    alphabet = _alphabet(text)
    return "".join(secrets.choice(alphabet) if character.isalnum() else character for character in text)


def _alphabet(text: str) -> str:
    alphanumeric = {character for character in text if character.isalnum()}
    for alphabet in ALPHABETS:
        if alphanumeric <= set(alphabet):
            return alphabet
    return string.ascii_letters + string.digits


def scramble_match(match: re.Match[str]) -> str:
    """Scramble the groups of a match whose names begin with `salt` or `digest`."""
    text = match.string
    for start, end in sorted(_spans(match), reverse=True):
        text = text[:start] + scramble(text[start:end]) + text[end:]
    return text


def _spans(match: re.Match[str]) -> Iterable[tuple[int, int]]:
    names = (name for name in match.re.groupindex if name.startswith(("salt", "digest")))
    return (match.span(name) for name in names if match.group(name) is not None)


def scramble_columns(stored: StoredHash, text: str) -> StoredHash:
    """Put `text` in the place of the hash, and scramble what stands in the columns beside it."""
    salt = None if stored.salt is None else scramble(stored.salt)
    username = None if stored.username is None else scramble(stored.username)
    return replace(stored, hash=text, salt=salt, username=username)

"""Formats defined by a regular expression and a function that reads its match.

In a shape's pattern, the groups whose names begin with `salt` or `digest` are the parts that a dummy hash replaces.
"""

import re
import secrets
import string
from collections.abc import Callable, Iterable
from dataclasses import replace

from service.hashing.encodings import encode
from service.hashing.format import Check, Format, MalformedHash, StoredHash
from service.immutable import immutable

# Generates a dummy hash: the same format and cost, another digest and salt.

ALPHABETS = (string.digits, string.digits + "abcdef", string.digits + "ABCDEF", string.hexdigits, string.ascii_letters)
"""The narrower alphabets: scrambled text stays in the alphabet of the original."""


def scramble(text: str) -> str:
    """Replace every letter and digit by a random one of the same alphabet; keep padding and separators."""
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
    """Replace the hash by `text`, and scramble the columns stored with it."""
    salt = None if stored.salt is None else scramble(stored.salt)
    username = None if stored.username is None else scramble(stored.username)
    return replace(stored, hash=text, salt=salt, username=username)


LONGEST = 4096
"""Maximum characters of a stored hash: the longest real ones, such as Keycloak's JSON, stay below 1,000."""
BLANK = " \t\r\n"
"""Characters that fixed-width columns and imprecise exports add around a hash."""


def is_text(text: str) -> bool:
    """Return whether `text` is short enough to be a hash and contains no lone surrogate."""
    return len(text) <= LONGEST and encode(text, "utf-8") is not None


@immutable
class Shape:
    """A format that a regular expression distinguishes from every other text."""

    name: str
    pattern: re.Pattern[str]
    read: Callable[[StoredHash, re.Match[str]], Check]
    """Raises only `MalformedHash` and `TooCostly`."""
    aliases: tuple[str, ...] = ()
    """Aliases of the format."""
    names_itself: bool = True
    """False if another format looks the same and is more likely: then the format must be named."""
    bare: re.Pattern[str] | None = None
    """The pattern without the format's prefix: also accepted if the format is named."""

    def recognises(self, text: str) -> bool:
        """Return whether the pattern matches all of `text`."""
        return self.names_itself and _match(self.pattern, text) is not None

    def parse(self, stored: StoredHash) -> Check:
        """Parse the match of the pattern."""
        return self.read(stored, self._require(stored.hash))

    def dummy_hash(self, stored: StoredHash) -> StoredHash:
        """Scramble the digest, the salt and the columns stored with them."""
        return scramble_columns(stored, scramble_match(self._require(stored.hash)))

    def _require(self, text: str) -> re.Match[str]:
        match = _match(self.pattern, text) or (self.bare and _match(self.bare, text))
        if match is None:
            raise MalformedHash(f"not in the shape of {self.name}")
        return match


def _match(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    return pattern.fullmatch(text.strip(BLANK)) if is_text(text) else None


@immutable
class Wrapped:
    """A format that is a prefix before a hash of another format."""

    name: str
    prefix: re.Pattern[str]
    inner: tuple[Format, ...]
    """Tried in this order; the first that recognises the text after the prefix parses it."""
    aliases: tuple[str, ...] = ()
    inner_prefix: str = ""
    """The prefix that the other format expects in place of this one's."""
    peppered: bool = True
    """False if the product adds no pepper to these hashes."""

    def recognises(self, text: str) -> bool:
        """Return whether a known hash follows the prefix."""
        return self._split(text) is not None

    def parse(self, stored: StoredHash) -> Check:
        """Parse the hash after the prefix."""
        _, inner, text = self._require(stored)
        if not self.peppered:
            stored = replace(stored, pepper=None, more_peppers=())
        return inner.parse(replace(stored, hash=text))

    def dummy_hash(self, stored: StoredHash) -> StoredHash:
        """Return the other format's dummy hash with this format's prefix."""
        prefix, inner, text = self._require(stored)
        made = inner.dummy_hash(replace(stored, hash=text))
        return replace(made, hash=prefix + made.hash[len(self.inner_prefix) :])

    def _split(self, text: str) -> tuple[str, Format, str] | None:
        match = self.prefix.match(text.strip(BLANK)) if is_text(text) else None
        if match is None:
            return None
        rest = self.inner_prefix + match.string[match.end() :]
        return next(((match[0], each, rest) for each in self.inner if each.recognises(rest)), None)

    def _require(self, stored: StoredHash) -> tuple[str, Format, str]:
        split = self._split(stored.hash)
        if split is None:
            raise MalformedHash(f"not in the shape of {self.name}")
        return split

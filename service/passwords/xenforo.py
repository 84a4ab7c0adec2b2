"""XenForo's authentication data: PHP's serialisation, or JSON, of digest and salt. Knows no forum.

XenForo 1.0 and 1.1 hashed `digest(digest(password).salt)` with SHA-256 or SHA-1; 1.2 and later keep bcrypt, or phpass.
"""

import re
from dataclasses import replace

from service.immutable import immutable
from service.passwords import phpass
from service.passwords.bcrypt import BCRYPT
from service.passwords.format import Check, Format, MalformedHash, StoredHash
from service.passwords.product import Product
from service.passwords.shape import BLANK, is_text

_IS = r"(?:;s:[0-9]{1,3}:|\s*:\s*)"
_THEN = r"(?:;s:[0-9]{1,3}:|\s*,\s*)"
_START = r"(?:a:[0-9]:\{s:4:|\{\s*)" + f'"hash"{_IS}"'
_END = rf"(?:{_THEN}\"hashFunc\"{_IS}\"[a-z0-9]+\")?[;\s]*\}}"


@immutable
class Enclosed:
    """A hash of another format within the serialisation."""

    name: str
    pattern: re.Pattern[str]
    """With a group `inner`."""
    inner: tuple[Format, ...]
    aliases: tuple[str, ...] = ()

    def recognises(self, text: str) -> bool:
        """Tell whether a known hash is inside."""
        return self._find(text) is not None

    def parse(self, stored: StoredHash) -> Check:
        """Read the hash inside."""
        inner, match = self._require(stored.hash)
        return inner.parse(replace(stored, hash=match["inner"]))

    def dummy_hash(self, stored: StoredHash) -> StoredHash:
        """Put the other format's stand-in in the place of the hash."""
        inner, match = self._require(stored.hash)
        made = inner.dummy_hash(replace(stored, hash=match["inner"]))
        start, end = match.span("inner")
        return replace(made, hash=match.string[:start] + made.hash + match.string[end:])

    def _find(self, text: str) -> tuple[Format, re.Match[str]] | None:
        match = self.pattern.fullmatch(text.strip(BLANK)) if is_text(text) else None
        if match is None:
            return None
        return next(((each, match) for each in self.inner if each.recognises(match["inner"])), None)

    def _require(self, text: str) -> tuple[Format, re.Match[str]]:
        found = self._find(text)
        if found is None:
            raise MalformedHash(f"not in the shape of {self.name}")
        return found


FORMATS: tuple[Format, ...] = (
    Product(
        "xenforo1",
        "sha256(sha256($pass).$salt) | sha1(sha1($pass).$salt)",
        ("xenforo1_sha256", "xenforo1_sha1"),
        re.compile(
            rf'{_START}(?P<digest>[0-9a-f]{{40}}|[0-9a-f]{{64}})"{_THEN}"salt"{_IS}"(?P<salt>[^"\\]{{0,128}})"{_END}'
        ),
    ),
    Enclosed(
        "xenforo2",
        re.compile(rf'{_START}(?P<inner>[^"]{{13,100}})"{_END}'),
        (BCRYPT, *phpass.FORMATS),
        ("xenforo_core12",),
    ),
)

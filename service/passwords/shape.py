"""Makes a format of a regular expression and a function that reads its match. Knows no format.

In a shape's pattern, the groups whose names begin with `salt` or `digest` are what a stand-in must not share.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from service.passwords.format import Check, MalformedHash, StoredHash
from service.passwords.stand_in import scramble_columns, scramble_match

LONGEST = 4096
"""Characters of a stored hash: the longest real ones (SCRAM with a long salt, Keycloak's JSON) stay below 1,000."""
BLANK = " \t\r\n"
"""What fixed-width columns and careless exports put around a hash."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A format that a regular expression tells from every other text."""

    name: str
    pattern: re.Pattern[str]
    read: Callable[[StoredHash, re.Match[str]], Check]
    """Raises `MalformedHash` or `TooCostly`, and nothing else."""
    aliases: tuple[str, ...] = ()
    """Other names it is known by."""
    names_itself: bool = True
    """False where other formats look the same and are more likely: then it must be named."""

    def recognises(self, text: str) -> bool:
        return self.names_itself and self._match(text) is not None

    def parse(self, stored: StoredHash) -> Check:
        return self.read(stored, self._require(stored.hash))

    def stand_in(self, stored: StoredHash) -> StoredHash:
        return scramble_columns(stored, scramble_match(self._require(stored.hash)))

    def _match(self, text: str) -> re.Match[str] | None:
        return self.pattern.fullmatch(text.strip(BLANK)) if len(text) <= LONGEST else None

    def _require(self, text: str) -> re.Match[str]:
        match = self._match(text)
        if match is None:
            raise MalformedHash(f"not in the shape of {self.name}")
        return match

"""A name for several formats: the text of a hash decides which of them reads it. Knows no format.

Where the text does not describe itself, the last member reads it, by its columns.
"""

from service.immutable import immutable
from service.passwords.format import Check, Format, StoredHash


@immutable
class Family:
    """A name for whichever of its members has the shape of a text. Recognises nothing itself."""

    name: str
    members: tuple[Format, ...]
    aliases: tuple[str, ...] = ()

    def recognises(self, _text: str) -> bool:
        """Leave it to the members."""
        return False

    def parse(self, stored: StoredHash) -> Check:
        """Read with the member whose shape it is."""
        return self._reader(stored).parse(stored)

    def dummy_hash(self, stored: StoredHash) -> StoredHash:
        """Scramble with that member."""
        return self._reader(stored).dummy_hash(stored)

    def _reader(self, stored: StoredHash) -> Format:
        return next((each for each in self.members if each.recognises(stored.hash)), self.members[-1])

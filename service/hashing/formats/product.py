"""Named formats of products: one that is a formula, and a name for several formats."""

import re
from dataclasses import replace

from service.hashing.encodings import to_bytes
from service.hashing.format import Check, Format, StoredHash
from service.hashing.formula import check_row, fits, formula_dummy_hash, parse_formula
from service.hashing.formula.check import separated
from service.hashing.formula.parse import Formula
from service.hashing.formula.typed import TypedFormat
from service.hashing.limits import number
from service.hashing.shape import BLANK, is_text, scramble_columns, scramble_match
from service.hashing.typed_passwords import BY_FORMAT, RAW
from service.immutable import immutable


@immutable
class Product:
    """A format of one formula. Without a pattern, the hash is a digest in hex or base64, then a colon and the salt."""

    name: str
    formula: str
    aliases: tuple[str, ...] = ()
    pattern: re.Pattern[str] | None = None
    """The layout that identifies it, with groups `digest`, and optionally `salt`, `user` and `rounds`."""
    names_itself: bool = True
    """False if many other formats look the same: then it must be named."""
    unpeppered: str | None = None
    """The formula for a row without pepper, if it differs."""
    pepper_option: str | None = None
    """The option of a row or source that also serves as the pepper, if it is not a secret of the installation."""
    unsalted: str | None = None
    """The formula for a row without salt, if it differs."""
    iterations: int | None = None
    """The rounds if neither source nor row states any."""

    def recognises(self, text: str) -> bool:
        """Return whether `text` has the layout, or is a digest of the right length."""
        if not self.names_itself or not is_text(text):
            return False
        if self.pattern is not None:
            return self._match(text) is not None
        bare = text.strip(BLANK)
        needs_more = bool({"salt", "user"} & self._any().variables)
        return needs_more == (":" in bare) and self._has_length(bare.partition(":")[0])

    def reads(self, text: str) -> bool:
        """Return whether a text without prefix, optionally with a colon and salt, has this format's length."""
        if self.pattern is not None or not is_text(text):
            return self._match(text) is not None
        return self._has_length(text.strip(BLANK).partition(":")[0])

    def parse(self, stored: StoredHash) -> Check:
        """Apply the formula to the parts of the text."""
        given = stored.recipe.options.get(self.pepper_option or "")
        if given is not None and stored.pepper is None:
            stored = replace(stored, pepper=to_bytes(given, "utf-8"))
        return check_row(self._formula(stored), self._parts(stored))

    def dummy_hash(self, stored: StoredHash) -> StoredHash:
        """Scramble digest and salt in place."""
        match = self._match(stored.hash)
        if match is not None:
            return scramble_columns(stored, scramble_match(match))
        formula = self._formula(stored)
        recipe = replace(stored.recipe, format=formula.text, iterations=stored.recipe.iterations or self.iterations)
        made = formula_dummy_hash(replace(stored, recipe=recipe))
        return replace(made, recipe=stored.recipe)

    def _formula(self, stored: StoredHash) -> Formula:
        text = self.formula if stored.pepper is not None or self.unpeppered is None else self.unpeppered
        if self.unsalted is not None and stored.salt is None and ":" not in stored.hash:
            text = self.unsalted
        match = self._match(stored.hash)
        if match is not None and match.groupdict().get("rounds"):
            return parse_formula(text, number(match["rounds"]))
        return parse_formula(text, stored.recipe.iterations or self.iterations)

    def _has_length(self, digest: str) -> bool:
        """Return whether the digest has the length of this formula's value."""
        return fits(self._any(), digest)

    def _any(self) -> Formula:
        return parse_formula(self.formula, self.iterations)

    def _parts(self, stored: StoredHash) -> StoredHash:
        match = self._match(stored.hash)
        if match is None:
            return separated(stored, self._formula(stored).variables)
        groups = match.groupdict()
        recipe = stored.recipe if groups.get("salt") is None else replace(stored.recipe, salt_encoding="text")
        return replace(
            stored,
            hash=groups["digest"],
            salt=stored.salt if groups.get("salt") is None else groups["salt"],
            username=stored.username if groups.get("user") is None else groups["user"],
            recipe=recipe,
        )

    def _match(self, text: str) -> re.Match[str] | None:
        return self.pattern.fullmatch(text.strip(BLANK)) if self.pattern and is_text(text) else None


# A name for several formats: the text of a hash decides which member parses it.
#
# If the text does not identify its format, the last member parses it, using its columns.


@immutable
class Family:
    """A name for several formats. The member that matches the text is used; a family itself recognises nothing."""

    name: str
    members: tuple[Format, ...]
    aliases: tuple[str, ...] = ()
    interpretations: str | None = None
    """Interpretations of a typed password, for members that declare none; None if each uses those of its own name."""
    peppered: frozenset[str] | None = None
    """The members that receive the source's pepper; None if all do."""

    def recognises(self, _text: str) -> bool:
        """Return False: only the members recognise texts."""
        return False

    def parse(self, stored: StoredHash) -> Check:
        """Parse with the member that recognises the text."""
        reader = self._reader(stored)
        if self.peppered is not None and reader.name not in self.peppered:
            stored = replace(stored, pepper=None, more_peppers=())
        return as_typed(reader, self.interpretations).parse(stored)

    def dummy_hash(self, stored: StoredHash) -> StoredHash:
        """Create a dummy hash with the member that recognises the text."""
        return self._reader(stored).dummy_hash(stored)

    def _reader(self, stored: StoredHash) -> Format:
        """Return the member that recognises the text, else one whose length matches, else the last."""
        text = stored.hash
        found = next((each for each in self.members if each.recognises(text)), None)
        return found or next((each for each in self.members if _reads(each, text)), self.members[-1])


def _reads(member: Format, text: str) -> bool:
    bare = member.format if isinstance(member, TypedFormat) else member
    return isinstance(bare, Product) and bare.reads(text)


def as_typed(found: Format, interpretations: str | None = None) -> Format:
    """Return the format with `interpretations`, or those of its name; a format that declares its own is unchanged."""
    declared = interpretations or BY_FORMAT.get(found.name, RAW)
    return found if declared == RAW or isinstance(found, TypedFormat | Family) else TypedFormat(found, declared)

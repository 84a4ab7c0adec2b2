"""Which column of an export is which: in any case, by another usual name, or as --map says. Knows no value."""

from collections.abc import Callable, Mapping

from service.actions.read_account import NOTES, OWN_COLUMNS
from service.actions.read_profile import NEVER_STORED
from service.sources.checks import OPTIONS

ALIASES = {"hash": "password_hash", "formula": "format"}
"""Other names of columns that people give them; `--map` is for all others."""
IN_ANY_CASE = (OWN_COLUMNS | NEVER_STORED.keys() | ALIASES.keys()) - OPTIONS - NOTES - {"profile"}
"""Oracle writes PASSWORD_HASH, and a hash must not become an attribute. Other names are attributes, whose case counts;
those of options are too short to be meant by chance."""


def naming(given: Mapping[str, str]) -> Callable[[str], str]:
    """Make the function that names columns; `given` comes first."""

    def named(column: str) -> str:
        name = given.get(column, column)
        lower = name.lower()
        return ALIASES.get(lower, lower) if lower in IN_ANY_CASE else name

    return named

"""When two attribute values are the same, and how they read as text and as numbers. Pure; knows no rule.

Okta sends an employee number as `"1234"` or as `1234`, depending on the schema and the engine; both are the same here.
"""

import re
from decimal import Decimal

# As JSON writes a number, without exponents: "0042" and "1e3" are texts that happen to be made of digits.
_NUMERIC = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
_DIGITS = re.compile(r"-?[0-9]+(\.[0-9]+)?")

MAX_DIGITS = 64
"""Characters of a string that is read as a number; Okta's own numbers have at most 17 digits."""


def as_text(value: object) -> str | None:
    """Give a string as it is, and a number as its digits; None for everything else."""
    match value:
        case str():
            return value
        case bool():
            return None
        case int():
            return str(value)
        case float():
            return str(int(value)) if value.is_integer() else repr(value)
    return None


def as_number(value: object) -> Decimal | None:
    """Give a number or a string of digits as a number, also where the string begins with zeros; None for the rest."""
    if isinstance(value, str):
        return Decimal(value) if len(value) <= MAX_DIGITS and _DIGITS.fullmatch(value) else None
    # However large or small: what is a number must not slip past a range.
    return Decimal(str(value)) if isinstance(value, int | float) and not isinstance(value, bool) else None


def same(one: object, other: object, *, ignore_case: bool = False) -> bool:
    """Tell whether two values are the same; a number and a string that reads as that number are."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, str) and isinstance(other, str):
        return one.casefold() == other.casefold() if ignore_case else one == other
    numbers = (_exact_number(one), _exact_number(other))
    return None not in numbers and numbers[0] == numbers[1]


def is_empty(value: object) -> bool:
    """Tell whether a value that was sent holds nothing: null, an empty or blank string, an empty list or object."""
    if isinstance(value, str):
        return not value.strip()
    return value is None or (isinstance(value, list | dict) and not value)


def _exact_number(value: object) -> Decimal | None:
    if isinstance(value, str) and not _NUMERIC.fullmatch(value):
        return None
    return as_number(value)

"""JSON as the store can keep it: each key once, finite numbers, no NUL, no half surrogate pair. Knows no columns."""

import json
import math
from collections.abc import Sequence
from typing import Any

from service.legacy.charsets import is_clean


class Unusable(ValueError):
    """JSON that would lose something, or that PostgreSQL refuses; the message quotes no value."""


def decode(text: str) -> object:
    """Read one value. Raises `ValueError`; its message quotes no value. Nesting too deep is one of the faults."""
    try:
        found = careful.decode(text)
        if "\\u" in text and not is_clean_throughout(found):
            raise Unusable("a NUL character or half a surrogate pair")
    except RecursionError:
        raise Unusable("it is nested too deeply") from None
    return found


def no_constant(name: str) -> None:
    """Refuse `NaN` and `Infinity`, which Python would take."""
    raise Unusable(f"{name} is no JSON number")


def finite(digits: str) -> float:
    """Read a number; PostgreSQL has no JSON for one that a float can't hold."""
    number = float(digits)
    if math.isinf(number):
        raise Unusable("a number is too large")
    return number


def each_key_once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object. Of two values under one key Python would keep the last without a word."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Unusable("an object has the same key twice")
    return found


def is_clean_throughout(value: object) -> bool:
    """Tell whether all texts in a value can be kept."""
    if isinstance(value, str):
        return is_clean(value)
    if isinstance(value, dict):
        return all(is_clean(key) and is_clean_throughout(each) for key, each in value.items())
    if isinstance(value, list):
        return all(map(is_clean_throughout, value))
    return True


careful = json.JSONDecoder(object_pairs_hook=each_key_once, parse_constant=no_constant, parse_float=finite)

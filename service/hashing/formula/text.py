"""The text of an interpretation, and the interpretation under which a password is right."""

from collections.abc import Iterator
from dataclasses import replace

from service.hashing.format import Check
from service.hashing.formula.check import FormulaCheck
from service.hashing.formula.functions import Form
from service.hashing.formula.operations import (
    Applied,
    Bcrypt,
    Checked,
    Concatenation,
    Hashed,
    Keyed,
    Literal,
    Operation,
    Variable,
)
from service.hashing.formula.typed import TypedCheck

SUFFIX = {None: "", Form.HEX: "_hex", Form.RAW: "_bin", Form.UPPER: "_hexupper", Form.BASE64: "_base64"}
"""The suffix of a digest's name, by its form."""


def matching_interpretation(check: Check, password: str) -> str | None:
    """Return the formula under which `password` is right, for a check with several interpretations.

    None if the check has only one interpretation, or the matching one has no short text.
    """
    found = next((each for each, alone in _alone(check) if alone.verify(password)), None)
    return None if found is None else text_of(found)


def _alone(check: Check) -> Iterator[tuple[Operation, Check]]:
    """Yield each interpretation with a check of it alone."""
    if isinstance(check, FormulaCheck) and len(check.interpretations) > 1:
        for operation, expected in check.interpretations:
            # The outermost digest is computed as bytes, in whatever form it is stored.
            shown = replace(operation, form=None) if isinstance(operation, Hashed | Keyed) else operation
            yield shown, replace(check, interpretations=((operation, expected),))
    elif isinstance(check, TypedCheck) and len(check.interpretations) > 1:
        for operation in check.interpretations:
            yield operation, replace(check, interpretations=(operation,))


def text_of(operation: Operation) -> str | None:
    """Return an operation in formula notation, without its texts, which may be secret; None for a slow function."""
    parts = [text_of(part) for part in operation.parts()]
    written = [part for part in parts if part is not None]
    return None if len(written) < len(parts) else _written(operation, written)


def _written(operation: Operation, parts: list[str]) -> str | None:
    if isinstance(operation, Variable):
        return f"${operation.name}"
    if isinstance(operation, Literal):
        return "'…'"
    if isinstance(operation, Concatenation):
        return ".".join(parts)
    name = _name(operation)
    numbers = map(str, operation.numbers) if isinstance(operation, Applied) else ()
    return None if name is None else f"{name}({', '.join([*parts, *numbers])})"


def _name(operation: Operation) -> str | None:
    match operation:
        case Applied():
            return operation.function
        case Hashed(rounds=1):
            return f"{operation.algorithm}{SUFFIX[operation.form]}"
        case Keyed():
            return f"hmac_{operation.algorithm}{SUFFIX[operation.form]}"
        case Bcrypt():
            return "bcrypt"
        case Checked():
            return operation.format.name
    return None

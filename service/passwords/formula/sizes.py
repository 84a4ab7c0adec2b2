"""How long a formula's value is, and whether it is bytes, as far as no password is needed. Knows no stored hash."""

from service.passwords.digests import SIZES
from service.passwords.formula.derived import Pbkdf2, Scrypt
from service.passwords.formula.digested import Hashed, Keyed
from service.passwords.formula.functions import FUNCTIONS
from service.passwords.formula.operations import Applied, Concatenation, Literal, Operation
from service.passwords.formula.values import Form

_SAME_LENGTH = frozenset({"lower", "upper", "strtolower", "strtoupper", "ucfirst", "strrev", "raw", "ascii"})


def length_of(operation: Operation) -> int | None:
    """Characters (or bytes) of the value, or None where they depend on the password."""
    match operation:
        case Literal():
            return len(operation.value)
        case Hashed() | Keyed():
            return (operation.form or Form.HEX).length(SIZES[operation.algorithm])
        case Pbkdf2() | Scrypt():
            return (operation.form or Form.HEX).length(operation.size)
        case Concatenation():
            lengths = [length_of(value) for value in operation.values]
            return None if None in lengths else sum(filter(None, lengths))
        case Applied():
            return _applied(operation)
        case _:
            return None


def yields_bytes(operation: Operation) -> bool:
    """Whether the value is known to be raw bytes, which have no letters."""
    match operation:
        case Hashed() | Keyed() | Pbkdf2() | Scrypt():
            return operation.form is Form.RAW
        case Applied():
            return FUNCTIONS[operation.function].yields_bytes
        case _:
            return any(yields_bytes(part) for part in operation.parts())


def _applied(operation: Applied) -> int | None:
    length = length_of(operation.operand)
    if length is None:
        return None
    match operation.function:
        case "left" | "right":
            return min(length, operation.numbers[0])
        case "cut":
            return len(range(length)[operation.numbers[0] :][: operation.numbers[1] if operation.numbers[1:] else None])
        case "base64" | "base64url":
            return -(-length // 3) * 4
        case "hex" | "hexupper":
            return 2 * length
        case function:
            return length if function in _SAME_LENGTH else None

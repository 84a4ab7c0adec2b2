"""What tries passwords against a formula, and against a named format around one. Knows no notation, no row."""

import hmac
from dataclasses import field, replace

from service.immutable import immutable
from service.passwords.format import Check, Executor
from service.passwords.formula.operations import Operation
from service.passwords.formula.values import Given


@immutable
class FormulaCheck:
    """A formula with the values of one row: every reading is computed, and any that gives the stored value verifies."""

    interpretations: tuple[tuple[Operation, bytes], ...] = field(repr=False)
    """Each reading with the value that the right password gives."""
    given: Given = field(repr=False)
    executor: Executor
    cost: str
    padded: bool = False
    """True where NULs behind the password change nothing: then it may not end in one."""

    def verify(self, password: str) -> bool:
        """Tell whether any reading gives the stored value."""
        if self.padded and password.endswith("\0"):
            return False
        given = replace(self.given, password=password)
        matches = [self._matches(given, root, expected) for root, expected in self.interpretations]
        return any(matches)

    def _matches(self, given: Given, root: Operation, expected: bytes) -> bool:
        try:
            value = given.encode(root.evaluate(given))
        except UnicodeError:
            return False
        return hmac.compare_digest(value, expected)


@immutable
class NamedCheck:
    """A named format that is given what the formula makes of the password."""

    operand: Operation = field(repr=False)
    given: Given = field(repr=False)
    check: Check
    executor: Executor
    cost: str

    def verify(self, password: str) -> bool:
        """Tell whether the named format accepts the operand's value."""
        given = replace(self.given, password=password)
        try:
            return self.check.verify(given.decode(self.operand.evaluate(given)))
        except UnicodeError:
            return False

"""Reading the tests that have bounds (`length`, `number`) from a policy, with their faults. Knows no other test."""

import math
from decimal import Decimal

from service.policies.registration.document import Node, kind_of
from service.policies.registration.value_tests import Length, Range


def read_length(node: Node) -> Length:
    """Read how many characters there must be: a number, or bounds."""
    if isinstance(node.value, dict):
        members = node.table(("min", "max"))
        least = _count(members["min"]) if "min" in members else 0
        most = _count(members["max"]) if "max" in members else None
    else:
        least = most = _count(node)
    if node.value == {}:
        node.fault("length needs a number, or min and max")
    _check_order(node, least, most)
    return Length(least, most)


def _count(node: Node) -> int:
    if isinstance(node.value, bool) or not isinstance(node.value, int) or node.value < 0:
        node.fault(f"{node.key} must be a whole number of characters, 0 or more")
        return 0
    return node.value


def read_number(node: Node) -> Range:
    """Read between which numbers the value must be."""
    members = node.table(("min", "max"))
    if node.value == {}:
        node.fault("number needs min, max or both")
    least = _number(members["min"]) if "min" in members else None
    most = _number(members["max"]) if "max" in members else None
    _check_order(node, least, most)
    return Range(least, most)


def _number(node: Node) -> Decimal | None:
    if isinstance(node.value, bool) or not isinstance(node.value, (int, float)) or not math.isfinite(node.value):
        node.fault(f"{node.key} must be a number, not {kind_of(node.value)}")
        return None
    return Decimal(str(node.value))


def _check_order(node: Node, least: Decimal | int | None, most: Decimal | int | None) -> None:
    if least is not None and most is not None and least > most:
        node.fault(f"{node.key}: min is greater than max, so nothing can meet it")

"""The parser of a policy's conditions (`when`, `unless`)."""

import itertools
import math
from collections.abc import Callable, Mapping
from decimal import Decimal

import re2

from service.registration.parse_effects import Surroundings, read_name, refuse_template
from service.registration.policy import AllOf, AnyOf, AttributeTest, Condition, KnownAccount, Not
from service.registration.predicates import (
    Domain,
    Empty,
    Length,
    OneOf,
    Pattern,
    Present,
    Range,
    Scope,
    Sent,
    ValueTest,
)
from service.registration.toml_document import Node, hint_of_join, hint_of_test, kind_of
from service.registration.values import comparable

# Contradictions between tests of one attribute.


def note_contradictions(node: Node, members: Mapping[str, Node]) -> None:
    """Report any two tests of one attribute that cannot both be true, or that are equivalent."""
    for (word, one), (other, another) in itertools.combinations(members.items(), 2):
        if not _states(word, one.value) & _states(other, another.value):
            said = [
                f"{name} = {str(value).lower()}" if isinstance(value, bool) else name
                for name, value in ((word, one.value), (other, another.value))
            ]
            node.fault(f"{said[0]} contradicts {said[1]}: both can't be true")
    if "equals" in members and "one_of" in members:
        node.fault("equals and one_of say the same thing twice: keep one of them")


def _states(word: str, value: object) -> set[str]:
    """Return the states of an attribute in which a test can be true; tests of the content need it to be present."""
    return _STATES.get((word, value is True), {"filled"})


_STATES = {
    ("sent", True): {"empty", "filled"},
    ("sent", False): {"absent"},
    ("present", False): {"absent", "empty"},
    ("empty", True): {"empty"},
    ("empty", False): {"filled"},
}


# Parsing of the tests that have bounds (`length`, `number`).


def read_length(node: Node) -> Length:
    """Parse the permitted number of characters: a number, or bounds."""
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
    """Parse the bounds of a number."""
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


# Parsing of the tests of one attribute: the keywords, and the value of each.

Reader = Callable[..., ValueTest | None]


def read_tests(node: Node) -> list[ValueTest]:
    """Parse all tests of one attribute; every one must be true."""
    members = node.table((*TESTS, "ignore_case"), hint_of_test)
    if not node.value:
        node.fault(f"{node.key} has no test; it may be {', '.join(TESTS)}")
    case = members.pop("ignore_case", None)
    ignore_case = case is not None and case.boolean()
    if case is not None and not members.keys() & _TEXTUAL:
        case.fault(f"ignore_case needs {' or '.join(_TEXTUAL)} beside it")
    note_contradictions(node, members)
    read = [
        TESTS[word](member, ignore_case=ignore_case) if word in _TEXTUAL else TESTS[word](member)
        for word, member in members.items()
    ]
    return [test for test in read if test is not None]


def _read_sent(node: Node) -> ValueTest:
    return Sent(node.boolean())


def _read_present(node: Node) -> ValueTest:
    return Present(node.boolean())


def _read_empty(node: Node) -> ValueTest:
    if not node.boolean() and node.value is False:
        node.fault("empty = false is not a test: write present = true")
    return Empty()


def _read_equals(node: Node, *, ignore_case: bool) -> ValueTest:
    return OneOf((_scalar(node),), ignore_case)


def _read_one_of(node: Node, *, ignore_case: bool) -> ValueTest:
    return OneOf(tuple(_scalar(item) for item in node.items()), ignore_case)


def _scalar(node: Node) -> object:
    if not isinstance(node.value, (str, int, float)) or (
        isinstance(node.value, float) and not math.isfinite(node.value)
    ):
        node.fault(f"{node.key} takes a string, a number or a boolean, not {kind_of(node.value)}")
    refuse_template(node, node.value)
    return node.value


def _read_pattern(node: Node, *, ignore_case: bool) -> ValueTest | None:
    text = node.text()
    refuse_template(node, text)
    options = re2.Options()
    options.case_sensitive = not ignore_case
    options.log_errors = False
    options.dot_nl = True  # otherwise a line break in the value would hide it from ".*admin.*"
    try:
        return Pattern(text, re2.compile(text, options), ignore_case) if text else None
    except re2.error as error:
        said = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else str(error)
        node.fault(f"{node.key} is no pattern that RE2 understands: {said}")
    return None


def _read_domain(node: Node) -> ValueTest:
    return Domain(_domains(node))


def _read_within_domain(node: Node) -> ValueTest:
    return Domain(_domains(node), subdomains=True)


def _domains(node: Node) -> tuple[str, ...]:
    items = node.items() if isinstance(node.value, list) else [node]
    return tuple(domain for item in items if (domain := _domain(item)))


def _domain(node: Node) -> str | None:
    text = node.text()
    domain = comparable(text)
    if text and text.startswith(("*.", ".")):
        node.fault(f'{text!r} is no domain: for subdomains write within_domain = "{text.lstrip("*.")}"')
    elif "@" in text:
        node.fault(f"{text!r} is no domain: write what stands after the @")
    elif text and domain is None:
        node.fault(f"{text!r} is no domain")
    return domain


TESTS: dict[str, Reader] = {
    "present": _read_present,
    "sent": _read_sent,
    "empty": _read_empty,
    "equals": _read_equals,
    "one_of": _read_one_of,
    "pattern": _read_pattern,
    "length": read_length,
    "domain": _read_domain,
    "within_domain": _read_within_domain,
    "number": read_number,
}
_TEXTUAL = ("equals", "one_of", "pattern")


_SCOPE_WORDS = {scope.value for scope in Scope}


def read_condition(node: Node, around: Surroundings) -> Condition:
    """Parse a table of conditions, all of which must be true."""
    members = node.members()
    if not members and isinstance(node.value, dict):
        node.fault(f"{node.key} is empty: leave it out, or say what it asks")
    parts = [part for key, member in members.items() for part in _read_member(key, member, around)]
    return parts[0] if len(parts) == 1 else AllOf(tuple(parts))


def _read_member(key: str, node: Node, around: Surroundings) -> list[Condition]:
    if key in _JOINS:
        return [_JOINS[key](node, around)]
    misread = _misread(key, node)
    if misread:
        node.fault(misread)
        return []
    name = read_name(node, key, around)
    return [AttributeTest(name, test) for test in _read_attribute(node)] if name else []


def _misread(key: str, node: Node) -> str | None:
    """Return a suggestion for a key that is not an attribute's name, based on the keys below it."""
    if key in _SCOPE_WORDS and _looks_nested(node):
        inner = next(iter(node.members()))
        return f'to look at {inner!r} of {key!r}, write the name in quotes: "{key}.{inner}"'
    hint = hint_of_join(key)
    if hint and (isinstance(node.value, list) or _looks_nested(node)):
        return f"{key!r} joins no conditions: {hint}"
    return None


def _looks_nested(node: Node) -> bool:
    """Return whether `user.email.present` was written without quotes, which TOML parses as nested tables."""
    return isinstance(node.value, dict) and any(
        isinstance(value, dict) and key not in TESTS for key, value in node.value.items()
    )


def _read_attribute(node: Node) -> list[ValueTest]:
    if not isinstance(node.value, dict):
        word = "one_of" if isinstance(node.value, list) else "equals"
        node.fault(f"{node.key} must be followed by a test, not by {kind_of(node.value)}: {node.key}.{word} = …")
        return []
    return read_tests(node)


def _read_all(node: Node, around: Surroundings) -> Condition:
    return AllOf(tuple(read_condition(item, around) for item in node.items()))


def _read_any(node: Node, around: Surroundings) -> Condition:
    return AnyOf(tuple(read_condition(item, around) for item in node.items()))


def _read_not(node: Node, around: Surroundings) -> Condition:
    return Not(read_condition(node, around))


def _read_known(node: Node, _around: Surroundings) -> Condition:
    return KnownAccount(node.boolean())


_JOINS: dict[str, Callable[[Node, Surroundings], Condition]] = {
    "all": _read_all,
    "any": _read_any,
    "not": _read_not,
    "known_account": _read_known,
}

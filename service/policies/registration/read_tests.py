"""Reading the tests of one attribute from a policy, with their faults: which words there are, and what each takes."""

import math
from collections.abc import Callable

import re2

from service.policies.registration.addresses import comparable
from service.policies.registration.contradictions import note_contradictions
from service.policies.registration.document import Node, kind_of
from service.policies.registration.other_words import hint_of_test
from service.policies.registration.presence_tests import Empty, Present, Sent
from service.policies.registration.read_bounds import read_length, read_number
from service.policies.registration.value_tests import Domain, OneOf, Pattern, ValueTest

Reader = Callable[..., ValueTest | None]


def read_tests(node: Node) -> list[ValueTest]:
    """Read all tests of one attribute; every one must hold."""
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
    return node.value


def _read_pattern(node: Node, *, ignore_case: bool) -> ValueTest | None:
    text = node.text()
    options = re2.Options()
    options.case_sensitive = not ignore_case
    options.log_errors = False
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

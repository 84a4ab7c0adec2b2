"""Reading the conditions of a policy (`when`, `unless`), with every fault that can be seen before a request comes."""

from collections.abc import Callable

from service.policies.registration.conditions import (
    AllOf,
    AnyOf,
    AttributeTest,
    Condition,
    KnownAccount,
    Not,
)
from service.policies.registration.document import Node, kind_of
from service.policies.registration.facts import Scope
from service.policies.registration.other_words import hint_of_join
from service.policies.registration.read_names import Surroundings, read_name
from service.policies.registration.read_tests import TESTS, read_tests
from service.policies.registration.value_tests import ValueTest

_SCOPE_WORDS = {scope.value for scope in Scope}


def read_condition(node: Node, around: Surroundings) -> Condition:
    """Read a table of conditions, all of which must be true."""
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
    """Say what was meant where a key is no attribute's name, going by what stands below it."""
    if key in _SCOPE_WORDS and _looks_nested(node):
        inner = next(iter(node.members()))
        return f'to look at {inner!r} of {key!r}, write the name in quotes: "{key}.{inner}"'
    hint = hint_of_join(key)
    if hint and (isinstance(node.value, list) or _looks_nested(node)):
        return f"{key!r} joins no conditions: {hint}"
    return None


def _looks_nested(node: Node) -> bool:
    """Tell whether `user.email.present` was written without quotes, so that TOML made tables of it."""
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

"""Conditions: tests of attributes, joined by all, any and not. Pure; each can be explained line by line."""

from collections.abc import Iterator

from service.immutable import immutable
from service.policies.registration.facts import AttributeName, Facts, Scope
from service.policies.registration.value_tests import ValueTest


@immutable
class AttributeTest:
    """A test of one attribute."""

    name: AttributeName
    test: ValueTest


@immutable
class KnownAccount:
    """Whether the legacy store has an account with the person's login or e-mail address."""

    expected: bool


@immutable
class AllOf:
    """Every one of these."""

    conditions: tuple["Condition", ...]


@immutable
class AnyOf:
    """At least one of these."""

    conditions: tuple["Condition", ...]


@immutable
class Not:
    """The contrary."""

    condition: "Condition"


Condition = AttributeTest | KnownAccount | AllOf | AnyOf | Not


def holds(condition: Condition, facts: Facts) -> bool:
    """Tell whether a condition is true of a request."""
    match condition:
        case AttributeTest(name, test):
            return test.holds(facts.value(name))
        case KnownAccount(expected):
            return facts.known is expected
        case AllOf(conditions):
            return all(holds(inner, facts) for inner in conditions)
        case AnyOf(conditions):
            return any(holds(inner, facts) for inner in conditions)
        case Not(inner):
            return not holds(inner, facts)


def explain(condition: Condition, facts: Facts) -> Iterator[str]:
    """Say of each part of a condition whether it is true; the values themselves are not said."""
    answer = "yes" if holds(condition, facts) else "no"
    match condition:
        case AttributeTest(name, test):
            yield f"{name} {test}: {answer}"
        case KnownAccount(expected):
            yield f"the legacy store {'knows' if expected else 'does not know'} the person: {answer}"
        case AllOf(conditions) | AnyOf(conditions):
            if len(conditions) > 1:
                yield f"{'all' if isinstance(condition, AllOf) else 'any'} of these: {answer}"
            indent = "  " if len(conditions) > 1 else ""
            for inner in conditions:
                yield from (indent + line for line in explain(inner, facts))
        case Not(inner):
            yield f"not: {answer}"
            yield from ("  " + line for line in explain(inner, facts))


def leaves(condition: Condition) -> Iterator[AttributeTest | KnownAccount]:
    """Give every single test in a condition, in the order of the file."""
    match condition:
        case AttributeTest() | KnownAccount():
            yield condition
        case AllOf(conditions) | AnyOf(conditions):
            for inner in conditions:
                yield from leaves(inner)
        case Not(inner):
            yield from leaves(inner)


def asks_legacy_store(condition: Condition) -> bool:
    """Tell whether a condition can't be judged without the legacy store."""
    return any(isinstance(leaf, KnownAccount) or leaf.name.scope is Scope.LEGACY for leaf in leaves(condition))

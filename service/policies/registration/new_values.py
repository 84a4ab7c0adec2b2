"""The values that a policy gives to a profile: those of `set`, and those from the legacy account. Knows no decision."""

from service.policies.registration.facts import MISSING, Facts
from service.policies.registration.policy import Complete, Constant, Everything, Set, Source
from service.policies.registration.values import is_empty

NEVER_COMPLETED = frozenset({"login", "email", "password"})
"""`complete = true` leaves these alone: the first two name the person, and Okta lets no hook set the third."""


def values_to_set(effect: Set, facts: Facts) -> dict[str, object]:
    """Give what a rule sets, in the order of the file; nothing for an attribute whose source has no value."""
    values = {attribute: _value(source, facts) for attribute, source in effect.attributes}
    return {attribute: value for attribute, value in values.items() if value is not MISSING}


def _value(source: Source, facts: Facts) -> object:
    """Give the value to set, or `MISSING` where there is nothing to copy."""
    if isinstance(source, Constant):
        return source.value
    value = facts.value(source.name)
    if value is None:
        return MISSING
    return value.lower() if source.lower and isinstance(value, str) else value


def values_to_complete(known: Complete, untouched: frozenset[str], facts: Facts) -> dict[str, object]:
    """Give what the person left out and the legacy account has; nothing for the attributes in `untouched`."""
    legacy = facts.legacy or {}
    if isinstance(known.attributes, Everything):
        names = tuple(name for name in legacy if name not in NEVER_COMPLETED)
    else:
        names = known.attributes
    return {
        name: legacy[name]
        for name in names
        # A sensitive attribute never arrives, so it always looks as if the person had left it out.
        if name not in untouched and not is_empty(legacy.get(name)) and is_empty(facts.request.profile.get(name))
    }

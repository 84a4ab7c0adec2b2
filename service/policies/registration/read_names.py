"""Reading the names of attributes from a policy, with their faults. Knows which names Okta could have."""

import re

from service.immutable import immutable
from service.okta.registration import Kind
from service.policies.registration.document import Node
from service.policies.registration.facts import AttributeName, Scope

_ATTRIBUTE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
"""Okta's variable names: letters, digits and underscores."""
_SCOPES = {"user": Scope.USER, "legacy": Scope.LEGACY, "submitted": Scope.SUBMITTED}


@immutable
class Surroundings:
    """What a rule's names are read against."""

    kinds: frozenset[Kind]
    sensitive: frozenset[str]


def read_name(node: Node, text: str, around: Surroundings) -> AttributeName | None:
    """Read the name of an attribute whose value is looked at: `email`, `user.email`, `legacy.email`."""
    prefix, dot, attribute = text.partition(".")
    scope = _SCOPES.get(prefix) if dot else Scope.SUBMITTED
    attribute = attribute if dot else prefix
    if scope is None or not _ATTRIBUTE.fullmatch(attribute):
        node.fault(f"{text!r} is no attribute: write a name such as email, user.email or legacy.email")
        return None
    if scope is Scope.USER and Kind.REGISTRATION in around.kinds:
        node.fault(f'{text!r}: only an update has a user; this rule needs for = "update"')
    if attribute == "password" and scope is not Scope.LEGACY:
        node.fault("Okta never sends the password, so no rule can look at it")
    elif attribute in around.sensitive and scope is not Scope.LEGACY:
        node.fault(f"{attribute!r} is listed as sensitive: Okta never sends it, so no rule can look at it")
    return AttributeName(scope, attribute)


def read_target(node: Node, text: str) -> str:
    """Read the name of an attribute that is set, or that a message stands beside."""
    if not _ATTRIBUTE.fullmatch(text):
        node.fault(f"{text!r} is no attribute of an Okta profile: write its variable name, such as email")
    return text

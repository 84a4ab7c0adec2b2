"""The parser of a rule's effects (`deny`, `set`)."""

import math
import re

from service.immutable import immutable
from service.okta.registration import Cause, Deny, Kind
from service.registration.policy import ALREADY_KNOWN, Complete, Constant, Copy, Everything, Set, Source
from service.registration.predicates import AttributeName, Scope
from service.registration.toml_document import Node, kind_of

# Parsing of attribute names.

_ATTRIBUTE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
"""Okta's variable names: letters, digits and underscores."""
_SCOPES = {"user": Scope.USER, "legacy": Scope.LEGACY, "submitted": Scope.SUBMITTED}


@immutable
class Surroundings:
    """The context in which a rule's names are parsed."""

    kinds: frozenset[Kind]
    sensitive: frozenset[str]


def read_name(node: Node, text: str, around: Surroundings) -> AttributeName | None:
    """Parse the name of an attribute whose value is read: `email`, `user.email`, `legacy.email`."""
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
    """Parse the name of an attribute that is set, or next to which a message is shown."""
    if not _ATTRIBUTE.fullmatch(text):
        node.fault(f"{text!r} is no attribute of an Okta profile: write its variable name, such as email")
    return text


_TEMPLATE = re.compile(r"(?<!\\)[$#%]\{\s*[A-Za-z_][^{}]*\}|\{\{[^{}]*\}\}")
r"""`${firstName}`, `{{ firstName }}` and similar, but not `\p{L}` in a pattern or an escaped dollar sign."""
_TEMPLATE_OF_VALUE = re.compile(
    rf"{_TEMPLATE.pattern}|\{{\s*[A-Za-z_][\w.]*\s*\}}|\b(?:user|legacy|submitted)\.[A-Za-z_]\w*\s*\+"
)
"""In a value that is set, also `{firstName}` and Okta's expressions (`user.firstName + " " + user.lastName`)."""


def refuse_template(node: Node, value: object, template: re.Pattern[str] = _TEMPLATE) -> None:
    """Report a text that looks like a template: the language has none, and would use the text unchanged."""
    found = template.search(value) if isinstance(value, str) else None
    if found is not None:
        remedy = (
            '; to set the value of one attribute write { copy = "attribute" }' if template is _TEMPLATE_OF_VALUE else ""
        )
        node.fault(
            f"{node.key} holds {found.group()!r}, and a policy has no templates{remedy}; compose other texts in code"
        )


DEFAULT_REASON = "DENIED_BY_POLICY"
MAX_MESSAGE = 1000
"""Characters of a summary or a message, which is shown next to a form field."""
MAX_CONSTANT = 8192
"""Characters of a constant, written as JSON: all answers together stay far from Okta's limit of 256 KB."""
_LOCATION = "data.userProfile."
_MISPLACED = dict.fromkeys(
    ("when", "unless", "set", "allow", "name", "for"), "it belongs to the rule, so it stands above [rule.deny]"
)
_DENIAL = ("summary", "message", "reason", "location", "domain")


def read_denial(node: Node, default_location: str | None, default: Deny | None = None) -> Deny:
    """Parse `deny`: a table, a summary, or `true`, which denies with Okta's own message or with the `default` one."""
    if isinstance(node.value, bool):
        if not node.value:
            node.fault("deny = false denies nothing: leave it out")
        return default or Deny()
    members = {"summary": node} if isinstance(node.value, str) else node.table(_DENIAL, _MISPLACED.get)
    known = default.causes[0] if default else None
    texts = {word: _message(members[word]) for word in _DENIAL[:3] + _DENIAL[4:] if word in members}
    summary = texts.get("summary") or (default.summary if default else None)
    if summary is None and isinstance(node.value, dict):
        node.fault("deny needs a summary, the sentence that says what is wrong")
    if summary is None:
        return Deny()
    location = _location(node, members.get("location"), default_location)
    cause = Cause(
        summary=texts.get("message") or (known.summary if known and "summary" not in texts else summary),
        reason=texts.get("reason", known.reason if known else DEFAULT_REASON),
        attribute=location or "",
        domain=texts.get("domain", "end-user"),
    )
    if location is None and "location" in members:
        _warn_unshown(members)
    return Deny(summary, (cause,) if location else ())


def _message(node: Node) -> str:
    text = node.text()
    refuse_template(node, text)
    if len(text) > MAX_MESSAGE:
        node.fault(f"{node.key} is longer than {MAX_MESSAGE} characters")
    return text


def _location(denial: Node, node: Node | None, default: str | None) -> str | None:
    """Return the attribute next to which the message is shown; None for no location."""
    if node is None:
        if default is None:
            denial.fault(
                "deny needs a location: the attribute that the message stands beside, or false for Okta's own message"
            )
        return default
    if node.value is False:
        return None
    text = node.text()
    if text.startswith("data.") and not text.startswith(_LOCATION):
        node.fault(f'{text!r} is no location that the Sign-In Widget knows: write "{_LOCATION}" and the attribute')
        return text
    return read_target(node, text.removeprefix(_LOCATION)) if text else text


def _warn_unshown(members: dict[str, Node]) -> None:
    for word in ("message", "reason", "domain"):
        if word in members:
            members[word].fault(f"{word} is never sent where there is no location")


def read_set(node: Node, around: Surroundings) -> Set:
    """Parse `set`: attributes, each with a constant or with the source to copy from."""
    members = node.members()
    if node.value == {}:
        node.fault("set is empty: leave it out, or name an attribute")
    return Set(tuple((read_settable(member, key), _source(member, around)) for key, member in members.items()))


def read_settable(node: Node, text: str) -> str:
    """Parse the name of an attribute that an answer may set."""
    if text == "password":
        node.fault("Okta lets no hook set the password")
    return read_target(node, text)


def _source(node: Node, around: Surroundings) -> Source:
    if not isinstance(node.value, dict):
        return Constant(_constant(node))
    members = node.table(("copy", "lower"))
    if len(members) != 1:
        node.fault(f'{node.key} must be a value, or {{ copy = "attribute" }}, or {{ lower = "attribute" }}')
        return Constant(None)
    ((word, member),) = members.items()
    text = member.text()
    name: AttributeName | None = read_name(member, text, around) if text else None
    return Copy(name, lower=word == "lower") if name else Constant(None)


def _constant(node: Node) -> object:
    items = node.items() if isinstance(node.value, list) else [node]
    for item in items:
        if not isinstance(item.value, (str, int, float)):
            item.fault(f"{node.key} can be a string, a number, a boolean or a list of these, not {kind_of(item.value)}")
        elif isinstance(item.value, float) and not math.isfinite(item.value):
            item.fault(f"{node.key} can't be set to {item.value}: JSON has no such number")
        refuse_template(item, item.value, _TEMPLATE_OF_VALUE)
    if len(repr(node.value)) > MAX_CONSTANT:
        node.fault(f"{node.key} is longer than {MAX_CONSTANT} characters")
    return node.value


# Parsing of the treatment of people whom the legacy store knows.


def read_known_accounts(node: Node, sensitive: frozenset[str]) -> Deny | Complete | None:
    """Parse `known_accounts`: deny them, or complete their profile."""
    if isinstance(node.value, str):
        word = node.choice(("deny", "complete"))
        return ALREADY_KNOWN if word == "deny" else Complete(Everything.EVERYTHING)
    members = node.table(("deny", "complete"))
    if isinstance(node.value, dict) and len(members) != 1:
        node.fault("known_accounts needs deny or complete, and not both")
    if "deny" in members:
        return read_denial(members["deny"], "email", ALREADY_KNOWN)
    return _complete(members["complete"], sensitive) if "complete" in members else None


def _complete(node: Node, sensitive: frozenset[str]) -> Complete:
    if isinstance(node.value, bool):
        if not node.value:
            node.fault("complete = false does nothing: leave known_accounts out")
        return Complete(Everything.EVERYTHING)
    for item in node.items():
        if item.value in sensitive:
            item.fault(
                f"{item.value!r} is listed as sensitive: it never arrives, so what the person typed would be lost"
            )
    return Complete(tuple(read_settable(item, item.text()) for item in node.items()))

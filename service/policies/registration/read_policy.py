"""Reading a policy from TOML, whole: every fault is found at once and named with its line. Knows no request."""

from collections.abc import Iterator

from service.okta.registration import Kind
from service.okta.registration_answer import Allow, Cause, Deny
from service.policies.registration.conditions import AttributeTest, leaves
from service.policies.registration.document import FaultyPolicy, Node, open_document
from service.policies.registration.facts import Scope
from service.policies.registration.policy import Complete, Effect, Everything, Policy, Rule
from service.policies.registration.read_condition import read_condition
from service.policies.registration.read_effects import read_denial, read_set, read_settable
from service.policies.registration.read_names import Surroundings, read_target

ALREADY_KNOWN = Deny(
    "You already have an account.",
    (
        Cause(
            "You already have an account. Sign in with the password that you have always used.",
            "ACCOUNT_EXISTS",
            "email",
        ),
    ),
)
"""What `known_accounts = "deny"` answers."""

MAX_RULE_NAME = 100
"""Characters; the name is a label of a metric."""

_KINDS = {
    "registration": frozenset({Kind.REGISTRATION}),
    "update": frozenset({Kind.UPDATE}),
    "both": frozenset({Kind.REGISTRATION, Kind.UPDATE}),
}
_RULE = ("name", "for", "when", "unless", "set", "deny", "allow")
_HINTS = {
    **dict.fromkeys(
        ("known_accounts", "unknown_request_types", "sensitive"),
        "it stands above the first [[rule]], at the top of the file",
    ),
    **dict.fromkeys(("summary", "message", "reason", "location"), "it belongs to deny"),
    **dict.fromkeys(("if", "condition", "where"), "write when"),
}
_POLICY = ("rule", "known_accounts", "unknown_request_types", "sensitive")


def read_policy(text: str, place: str = "policy") -> Policy:
    """Read a policy. Raises `FaultyPolicy`, which names every fault with its line."""
    root = open_document(place, text)
    members = root.table(_POLICY)
    if not root.value:
        root.fault("the policy is empty: it has no rule")
    sensitive = frozenset(_sensitive(members.get("sensitive")))
    unknown = members["unknown_request_types"].choice(("allow", "deny")) if "unknown_request_types" in members else ""
    policy = Policy(
        rules=tuple(_rules(members["rule"], sensitive)) if "rule" in members else (),
        known_accounts=_known_accounts(members["known_accounts"], sensitive) if "known_accounts" in members else None,
        deny_unknown_request_types=unknown == "deny",
        sensitive=sensitive,
    )
    if root.document.faults:
        raise FaultyPolicy(place, root.document.faults)
    return policy


def _sensitive(node: Node | None) -> list[str]:
    return [read_target(item, item.text()) for item in node.items()] if node else []


def _rules(node: Node, sensitive: frozenset[str]) -> Iterator[Rule]:
    if isinstance(node.value, dict):
        node.fault("a rule begins with [[rule]], in two pairs of brackets")
        return
    seen: dict[str, int] = {}
    closed: dict[Kind, Rule] = {}
    for item in node.items():
        rule = _rule(item, sensitive)
        if rule.name and rule.name in seen:
            item.fault(f"two rules have the name {rule.name!r}: the other begins on line {seen[rule.name]}")
        seen[rule.name] = rule.line
        if rule.kinds and rule.kinds <= closed.keys():
            item.fault(f"this rule is never reached: {closed[min(rule.kinds)].name!r} allows everything before it")
        if _allows_everything(rule):
            closed |= {kind: rule for kind in rule.kinds if kind not in closed}
        yield rule


def _allows_everything(rule: Rule) -> bool:
    return rule.when is None and rule.unless is None and any(isinstance(effect, Allow) for effect in rule.effects)


def _rule(node: Node, sensitive: frozenset[str]) -> Rule:
    members = node.table(_RULE, _HINTS)
    for required, why in (("name", "what it is called"), ("for", '"registration", "update" or "both"')):
        if isinstance(node.value, dict) and required not in members:
            node.fault(f"the rule needs {required}: {why}")
    kinds = _KINDS.get(members["for"].choice(tuple(_KINDS)), frozenset()) if "for" in members else frozenset()
    around = Surroundings(kinds, sensitive)
    when = read_condition(members["when"], around) if "when" in members else None
    unless = read_condition(members["unless"], around) if "unless" in members else None
    if when is not None and when == unless:
        node.fault("when and unless ask the same, so the rule never applies")
    rule = Rule(_name(members.get("name")), node.line, kinds, when, unless)
    return Rule(rule.name, rule.line, kinds, when, unless, _effects(node, members, rule, around))


def _name(node: Node | None) -> str:
    text = node.text() if node else ""
    if node and len(text) > MAX_RULE_NAME:
        node.fault(f"name is longer than {MAX_RULE_NAME} characters")
    return text


def _effects(node: Node, members: dict[str, Node], rule: Rule, around: Surroundings) -> tuple[Effect, ...]:
    if isinstance(node.value, dict) and not members.keys() & {"set", "deny", "allow"}:
        node.fault("the rule does nothing: it needs deny, set or allow")
    if "deny" in members and members.keys() & {"set", "allow"}:
        node.fault("a rule that denies can't set or allow anything: make two rules of it")
    effects: list[Effect] = []
    if "deny" in members:
        effects.append(read_denial(members["deny"], _only_attribute(rule)))
    if "set" in members:
        effects.append(read_set(members["set"], around))
    if "allow" in members:
        if not members["allow"].boolean() and members["allow"].value is False:
            members["allow"].fault("allow = false does nothing: to turn somebody away write deny")
        effects.append(Allow(explicitly=True))
    return tuple(effects)


def _only_attribute(rule: Rule) -> str | None:
    """Give the one submitted attribute that the rule looks at: a message without a location stands beside it."""
    tests = [leaf for part in (rule.when, rule.unless) if part is not None for leaf in leaves(part)]
    names = {test.name for test in tests if isinstance(test, AttributeTest) and test.name.scope is Scope.SUBMITTED}
    return names.pop().attribute if len(names) == 1 else None


def _known_accounts(node: Node, sensitive: frozenset[str]) -> Deny | Complete | None:
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

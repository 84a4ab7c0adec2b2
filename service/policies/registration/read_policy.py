"""Reading a policy from TOML, whole: every fault is found at once and named with its line. Knows no request."""

from collections.abc import Iterator

from service.okta.registration import Kind
from service.okta.registration_answer import Allow
from service.policies.registration.document import FaultyPolicy, Node, open_document
from service.policies.registration.policy import Policy, Rule
from service.policies.registration.read_known_accounts import read_known_accounts
from service.policies.registration.read_names import read_target
from service.policies.registration.read_rule import read_rule

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
        known_accounts=read_known_accounts(members["known_accounts"], sensitive)
        if "known_accounts" in members
        else None,
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
        rule = read_rule(item, sensitive)
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

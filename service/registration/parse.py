"""Loading of the policy that the setting names, and the parser of its TOML: all faults at once, with their lines."""

import unicodedata
from collections.abc import Iterator
from pathlib import Path

from service.okta.registration import Allow, Kind
from service.registration.code_policy import CODE, CodePolicy, load_code
from service.registration.parse_conditions import read_condition
from service.registration.parse_effects import Surroundings, read_denial, read_known_accounts, read_set, read_target
from service.registration.policy import AttributeTest, Effect, Policy, Rule, leaves
from service.registration.predicates import Scope
from service.registration.toml_document import FaultyPolicy, Node, hint_of_rule, open_document

# Parsing of one rule, with every fault that can be found in it alone.

MAX_RULE_NAME = 100
"""Characters; the name is a label of a metric."""

_KINDS = {
    "registration": frozenset({Kind.REGISTRATION}),
    "update": frozenset({Kind.UPDATE}),
    "both": frozenset({Kind.REGISTRATION, Kind.UPDATE}),
}
_RULE = ("name", "for", "when", "unless", "set", "deny", "allow")
_MISPLACED = dict.fromkeys(
    ("known_accounts", "unknown_request_types", "sensitive", "code"),
    "it stands above the first [[rule]], at the top of the file",
)


def read_rule(node: Node, sensitive: frozenset[str]) -> Rule:
    """Parse one `[[rule]]`; if it has faults, its valid parts are returned."""
    members = node.table(_RULE, lambda word: _MISPLACED.get(word) or hint_of_rule(word))
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
    if node and any(unicodedata.category(character) == "Cc" for character in text):
        # PostgreSQL cannot store NUL, so the audit entry could not be written. The others would break its lines.
        node.fault("name holds a control character")
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
            members["allow"].fault("allow = false has no effect: to reject the request write deny")
        effects.append(Allow(explicitly=True))
    return tuple(effects)


def _only_attribute(rule: Rule) -> str | None:
    """Return the only submitted attribute that the rule tests: a message without a location is shown next to it."""
    tests = [leaf for part in (rule.when, rule.unless) if part is not None for leaf in leaves(part)]
    names = {test.name for test in tests if isinstance(test, AttributeTest) and test.name.scope is Scope.SUBMITTED}
    return names.pop().attribute if len(names) == 1 else None


_POLICY = ("rule", "known_accounts", "unknown_request_types", "sensitive", "code")
MAX_FILE = 1024 * 1024
"""Bytes; a policy has some kilobytes, and a log file named by mistake should be rejected unread."""


def load_policy(named: str, *, again: bool = False) -> Policy:
    """Load the policy that `REGISTRATION_POLICY` names: a TOML file, or `module:function`.

    `again`: reload the files of its code. Raises `FaultyPolicy`, which lists every fault, those of a file with their
    lines.
    """
    path = Path(named)
    if CODE.fullmatch(named) and not path.exists():
        return Policy(code=load_code(named, again=again))
    return read_policy(_read(path), named, again=again, folder=path.parent)


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_FILE:
            raise FaultyPolicy(str(path), f"the file is larger than {MAX_FILE} bytes")
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise FaultyPolicy(str(path), f"the file can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise FaultyPolicy(str(path), "the file is not UTF-8") from None


def read_policy(text: str, place: str = "policy", *, again: bool = False, folder: Path | None = None) -> Policy:
    """Parse a policy, and import the code that it names, also from `folder`.

    Raises `FaultyPolicy`, which lists every fault with its line.
    """
    root = open_document(place, text)
    members = root.table(_POLICY)
    if not root.value:
        root.fault("the policy is empty: it has no rule")
    code = _code(members["code"], again=again, folder=folder) if "code" in members else None
    sensitive = frozenset(_sensitive(members.get("sensitive")))
    unknown = members["unknown_request_types"].choice(("allow", "deny")) if "unknown_request_types" in members else ""
    policy = Policy(
        rules=tuple(_rules(members["rule"], sensitive)) if "rule" in members else (),
        known_accounts=read_known_accounts(members["known_accounts"], sensitive)
        if "known_accounts" in members
        else None,
        deny_unknown_request_types=unknown != "allow",
        sensitive=sensitive,
        code=code,
    )
    if root.document.faults:
        raise FaultyPolicy(place, root.document.faults)
    return policy


def _code(node: Node, *, again: bool, folder: Path | None) -> CodePolicy | None:
    text = node.text()
    try:
        return load_code(text, again=again, folder=folder) if text else None
    except FaultyPolicy as faulty:
        node.fault(str(faulty))
    return None


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

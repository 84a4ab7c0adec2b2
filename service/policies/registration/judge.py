"""Judging a request by a policy, and saying why. Pure: the legacy profile was looked up before, where it is needed."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from service.immutable import immutable
from service.okta.registration import Kind, ScreeningRequest
from service.okta.registration_answer import Allow, Cause, Decision, Deny
from service.policies.registration.conditions import explain, holds
from service.policies.registration.facts import MISSING, Facts
from service.policies.registration.policy import Complete, Constant, Everything, Policy, Rule, Set, Source
from service.policies.registration.values import is_empty

KNOWN_ACCOUNTS = "known_accounts"
UNKNOWN_REQUEST_TYPES = "unknown_request_types"
NEVER_COMPLETED = frozenset({"login", "email", "password"})
"""`complete = true` leaves these alone: the first two name the person, and Okta lets no hook set the third."""


class Outcome(enum.StrEnum):
    """What became of a rule; the value is the metric's label."""

    OTHER_KIND = "other_kind"
    """The rule is for requests of another kind."""
    NOT_MET = "not_met"
    """The request does not meet its condition."""
    NOT_REACHED = "not_reached"
    """What came before has decided already."""
    NOTHING_SET = "nothing_set"
    """It had nothing to set, or what it set is not sent because a rule denied."""
    DENIED = "denied"
    SET = "set"
    """The answer has a command of it, whether or not the person had sent the same value."""
    ALLOWED = "allowed"


@immutable
class Step:
    """One rule's part in a judgement; `reasons` hold no value of an attribute."""

    rule: str
    outcome: Outcome
    reasons: tuple[str, ...] = ()


@immutable
class Judgement:
    """The decision, and how the rules came to it, one by one."""

    decision: Decision
    steps: tuple[Step, ...] = ()

    @property
    def decided_by(self) -> tuple[Step, ...]:
        """Give the steps that had a part in the decision."""
        idle = (Outcome.OTHER_KIND, Outcome.NOT_MET, Outcome.NOT_REACHED, Outcome.NOTHING_SET)
        return tuple(step for step in self.steps if step.outcome not in idle)


@dataclass
class _Findings:
    """What the rules have found so far."""

    denials: list[Deny] = field(default_factory=list)
    updates: list[Mapping[str, object]] = field(default_factory=list)
    explicitly: bool = False
    steps: list[Step] = field(default_factory=list)


def judge(policy: Policy, request: ScreeningRequest, legacy: Mapping[str, object] | None = None) -> Judgement:
    """Apply every rule in the order of the file; `legacy` is the profile of the account that the person has with us."""
    facts = Facts(request, legacy)
    findings = _Findings()
    if request.kind is Kind.UNKNOWN:
        _judge_unknown(policy, findings)
    for rule in policy.rules if request.kind is not Kind.UNKNOWN else ():
        findings.steps.append(_apply(rule, facts, findings))
    if request.kind is Kind.REGISTRATION and policy.known_accounts is not None:
        findings.steps.append(_meet(policy, policy.known_accounts, facts, findings))
    return Judgement(_conclude(findings), tuple(map(_unsent, findings.steps) if findings.denials else findings.steps))


def _judge_unknown(policy: Policy, findings: _Findings) -> None:
    if policy.deny_unknown_request_types:
        findings.denials.append(Deny())
        findings.steps.append(Step(UNKNOWN_REQUEST_TYPES, Outcome.DENIED))


def _apply(rule: Rule, facts: Facts, findings: _Findings) -> Step:
    if facts.request.kind not in rule.kinds:
        return Step(rule.name, Outcome.OTHER_KIND)
    if findings.explicitly:
        return Step(rule.name, Outcome.NOT_REACHED)
    met, reasons = _is_met(rule, facts)
    if not met:
        return Step(rule.name, Outcome.NOT_MET, reasons)
    outcome = Outcome.NOT_MET
    for effect in rule.effects:
        match effect:
            case Deny():
                findings.denials.append(effect)
                outcome = Outcome.DENIED
            case Set():
                outcome = _note(_values(effect, facts), findings)
            case Allow():
                findings.explicitly = True
                outcome = Outcome.ALLOWED
    return Step(rule.name, outcome, reasons)


def _is_met(rule: Rule, facts: Facts) -> tuple[bool, tuple[str, ...]]:
    met, reasons = True, []
    for word, condition, expected in (("when", rule.when, True), ("unless", rule.unless, False)):
        if condition is not None:
            met = met and holds(condition, facts) is expected
            reasons += [f"{word} {line}" for line in explain(condition, facts)]
    return met, tuple(reasons)


def _note(update: Mapping[str, object], findings: _Findings) -> Outcome:
    if not update:
        return Outcome.NOTHING_SET
    findings.updates.append(update)
    return Outcome.SET


def _values(effect: Set, facts: Facts) -> dict[str, object]:
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


def _meet(policy: Policy, known: Deny | Complete, facts: Facts, findings: _Findings) -> Step:
    """Deal with a person whom the legacy store knows; only those whom no rule denied are told that it does."""
    if findings.denials:
        return Step(KNOWN_ACCOUNTS, Outcome.NOT_REACHED)
    if facts.legacy is None:
        return Step(KNOWN_ACCOUNTS, Outcome.NOT_MET, ("the legacy store knows the person: no",))
    if isinstance(known, Deny):
        findings.denials.append(known)
        return Step(KNOWN_ACCOUNTS, Outcome.DENIED, ("the legacy store knows the person: yes",))
    already = {attribute for update in findings.updates for attribute in update}
    outcome = _note(_completion(known, policy.sensitive | already, facts), findings)
    return Step(KNOWN_ACCOUNTS, outcome, ("the legacy store knows the person: yes",))


def _completion(known: Complete, untouched: frozenset[str], facts: Facts) -> dict[str, object]:
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


def _conclude(findings: _Findings) -> Decision:
    if findings.denials:
        causes: list[Cause] = [cause for denial in findings.denials for cause in denial.causes]
        summary = next((denial.summary for denial in findings.denials if denial.summary is not None), None)
        return Deny(summary, tuple(causes))
    return Allow(tuple(findings.updates), findings.explicitly)


def _unsent(step: Step) -> Step:
    """Tell of a rule that has set something that it came to nothing, since the answer is to deny."""
    return replace(step, outcome=Outcome.NOTHING_SET) if step.outcome is Outcome.SET else step

"""Evaluation of a request by a policy, with the reasons. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from service.okta.registration import Allow, Cause, Decision, Deny, Kind, ScreeningRequest
from service.registration.policy import (
    ALREADY_KNOWN,
    Complete,
    Constant,
    Everything,
    Judgement,
    Outcome,
    Policy,
    Rule,
    Set,
    Source,
    Step,
    explain,
    holds,
)
from service.registration.predicates import MISSING, Facts
from service.registration.values import is_empty

# The values that a policy sets in a profile: those of `set`, and those from the legacy account.

NEVER_COMPLETED = frozenset({"login", "email", "password"})
"""`complete = true` does not change these: the first two name the person, and no hook can set the third."""


def values_to_set(effect: Set, facts: Facts) -> dict[str, object]:
    """Return the values that a rule sets, in the order of the file, without attributes whose source has no value."""
    values = {attribute: _value(source, facts) for attribute, source in effect.attributes}
    return {attribute: value for attribute, value in values.items() if value is not MISSING}


def _value(source: Source, facts: Facts) -> object:
    """Return the value to set, or `MISSING` if there is nothing to copy."""
    if isinstance(source, Constant):
        return source.value
    value = facts.value(source.name)
    if value is None:
        return MISSING
    return value.lower() if source.lower and isinstance(value, str) else value


def values_to_complete(known: Complete, untouched: frozenset[str], facts: Facts) -> dict[str, object]:
    """Return the legacy account's values of attributes that the person left empty, except those in `untouched`."""
    legacy = facts.legacy or {}
    if isinstance(known.attributes, Everything):
        names = tuple(name for name in legacy if name not in NEVER_COMPLETED)
    else:
        names = known.attributes
    return {
        name: legacy[name]
        for name in names
        # Okta never sends a sensitive attribute, so it always looks empty.
        if name not in untouched and not is_empty(legacy.get(name)) and is_empty(facts.request.profile.get(name))
    }


KNOWN_ACCOUNTS = "known_accounts"
UNKNOWN_REQUEST_TYPES = "unknown_request_types"


@dataclass
class _Findings:
    """The result of the rules so far."""

    denials: list[Deny] = field(default_factory=list)
    updates: list[Mapping[str, object]] = field(default_factory=list)
    explicitly: bool = False
    steps: list[Step] = field(default_factory=list)


def judge(
    policy: Policy, request: ScreeningRequest, legacy: Mapping[str, object] | None = None, *, migrated: bool = False
) -> Judgement:
    """Apply all rules in the order of the file; `legacy` is the profile of the person's legacy account.

    The profile of a migrated person is deleted: a rule that depends on it is not met, so it does not deny. What the
    rules leave undecided is left to the policy's code, which is not called here.
    """
    facts = Facts(request, legacy, migrated)
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
                outcome = _note(values_to_set(effect, facts), findings)
            case Allow():
                findings.explicitly = True
                outcome = Outcome.ALLOWED
    return Step(rule.name, outcome, reasons)


def _is_met(rule: Rule, facts: Facts) -> tuple[bool, tuple[str, ...]]:
    met, reasons = True, []
    for word, condition, expected in (("when", rule.when, True), ("unless", rule.unless, False)):
        if condition is not None:
            unclear = expected is rule.denies  # if unclear, a denying rule applies and every other rule does not
            met = met and holds(condition, facts, unclear=unclear) is expected
            reasons += [f"{word} {line}" for line in explain(condition, facts, unclear=unclear)]
    return met, tuple(reasons)


def _note(update: Mapping[str, object], findings: _Findings) -> Outcome:
    if not update:
        return Outcome.NOTHING_SET
    findings.updates.append(update)
    return Outcome.SET


def _meet(policy: Policy, known: Deny | Complete, facts: Facts, findings: _Findings) -> Step:
    """Handle a person whom the legacy store knows, unless a rule has denied; otherwise the answer would reveal it."""
    if findings.denials:
        return Step(KNOWN_ACCOUNTS, Outcome.NOT_REACHED)
    if facts.known is None and isinstance(known, Deny):
        findings.denials.append(Deny())
        return Step(KNOWN_ACCOUNTS, Outcome.DENIED, ("the legacy store knows the person: cannot be told",))
    if facts.legacy is None:
        return Step(KNOWN_ACCOUNTS, Outcome.NOT_MET, ("the legacy store knows the person: no",))
    if facts.migrated and isinstance(known, Complete):
        known = ALREADY_KNOWN
    if isinstance(known, Deny):
        findings.denials.append(known)
        return Step(KNOWN_ACCOUNTS, Outcome.DENIED, ("the legacy store knows the person: yes",))
    already = {attribute for update in findings.updates for attribute in update}
    outcome = _note(values_to_complete(known, policy.sensitive | already, facts), findings)
    return Step(KNOWN_ACCOUNTS, outcome, ("the legacy store knows the person: yes",))


def _conclude(findings: _Findings) -> Decision:
    if findings.denials:
        causes: list[Cause] = [cause for denial in findings.denials for cause in denial.causes]
        summary = next((denial.summary for denial in findings.denials if denial.summary is not None), None)
        return Deny(summary, tuple(causes))
    return Allow(tuple(findings.updates), findings.explicitly)


def add_code(judged: Judgement, decision: Decision | None, name: str) -> Judgement:
    """Combine the decision of the policy's code with the rules' result; None if the rules left it nothing to decide."""
    if decision is None:
        return Judgement(judged.decision, (*judged.steps, Step(name, Outcome.NOT_REACHED)))
    if isinstance(decision, Deny) or isinstance(judged.decision, Deny):
        return Judgement(decision, (*map(_unsent, judged.steps), Step(name, Outcome.DENIED)))
    updates = (*judged.decision.updates, *decision.updates)
    step = Step(name, Outcome.SET if any(decision.updates) and not decision.explicitly else Outcome.ALLOWED)
    return Judgement(Allow(updates, decision.explicitly), (*judged.steps, step))


def _unsent(step: Step) -> Step:
    """Return the step of a rule whose values are not sent, since the decision is to deny."""
    return replace(step, outcome=Outcome.NOTHING_SET) if step.outcome is Outcome.SET else step

"""Screening of a registration by the policy and the legacy store."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Protocol

import structlog

from service.audit_trail import AuditTrail, new_code
from service.immutable import immutable
from service.okta.password_import import trace
from service.okta.registration import Allow, AnswerTooLarge, Decision, Deny, Kind, ScreeningRequest, write_answer
from service.registration.code_policy import CodePolicy, PolicyFailed
from service.registration.evaluate import judge
from service.registration.policy import Judgement, Outcome, Policy, Step
from service.registration.queries import LegacyProfile
from service.store.audit import Action, Entry
from service.telemetry import Telemetry

log = structlog.get_logger()


class FindLegacy(Protocol):
    """Finds the legacy accounts that have one of these names as a login or, if none has, as another identifier."""

    async def __call__(self, names: Sequence[str]) -> Sequence[LegacyProfile]:
        """Look the names up; raises what the store raises."""
        ...


class Decided(StrEnum):
    """What a screening came to; the value is the metric's label."""

    ALLOWED = "allowed"
    CHANGED = "changed"
    """Allowed, with changes to the profile."""
    DENIED = "denied"


@immutable
class Screening:
    """A decision, how it came about, and the answer to Okta; no answer means there is nothing to say."""

    judgement: Judgement
    answer: bytes | None

    @property
    def decided(self) -> Decided:
        """Say in a word what was decided."""
        decision = self.judgement.decision
        if isinstance(decision, Deny):
            return Decided.DENIED
        return Decided.CHANGED if decision.updates else Decided.ALLOWED


class RegistrationScreener:
    """Screens registrations and profile updates by one policy; without one, it lets everybody through."""

    def __init__(
        self,
        policy: Policy | CodePolicy | None,
        find_legacy: FindLegacy,
        telemetry: Telemetry,
        trail: AuditTrail | None = None,
    ) -> None:
        self.policy = policy
        self._trail = trail or AuditTrail()
        self._find_legacy = find_legacy
        self._telemetry = telemetry

    async def screen(self, request: ScreeningRequest) -> Screening:
        """Decide. Raises `PolicyFailed`, and whatever the legacy store raises: a fault never lets anybody through."""
        judgement = await self._judge(request)
        code = new_code()
        screening = Screening(judgement, _written(request.kind, judgement.decision, code))
        self._record(request, screening, code)
        return screening

    def replace_policy(self, policy: Policy | CodePolicy) -> None:
        """Screen by another policy from the next request on."""
        self.close()
        self.policy = policy

    def close(self) -> None:
        """End what a policy in code runs on."""
        if isinstance(self.policy, CodePolicy):
            self.policy.close()

    async def _judge(self, request: ScreeningRequest) -> Judgement:
        if self.policy is None:
            return Judgement(Allow())
        if isinstance(self.policy, CodePolicy):
            decision = await self.policy.decide(request)
            outcome = Outcome.DENIED if isinstance(decision, Deny) else Outcome.ALLOWED
            return Judgement(decision, (Step(self.policy.name, outcome),))
        names = names_of(request) if self.policy.asks_legacy_store(request.kind) else ()
        found = await self._find_legacy(names) if names else ()
        migrated = any(each.migrated for each in found)
        return judge(self.policy, request, _legacy_profile(found), migrated=migrated)

    def _record(self, request: ScreeningRequest, screening: Screening, code: str) -> None:
        deciding = screening.judgement.decided_by
        self._telemetry.registrations.labels(request.kind, screening.decided).inc()
        for step in deciding:
            self._telemetry.registration_rules.labels(step.rule, step.outcome).inc()
        reason = ": ".join([screening.decided, *(step.rule for step in deciding)])
        event_id, request_id = trace(request.event_id), trace(request.request_id)
        self._trail.note(Entry(Action.SCREENED, reason, code, event_id=event_id, request_id=request_id))
        if request.kind is Kind.UNKNOWN:
            log.warning("unknown_request_type", kind=request.request_type, event_id=request.event_id)
        log.info(
            "registration",
            kind=request.kind,
            decision=screening.decided,
            rule=[step.rule for step in deciding],
            event_id=request.event_id,
            request_id=request.request_id,
        )


def names_of(request: ScreeningRequest) -> list[str]:
    """Give the names by which the store may know the person.

    Somebody who updates a profile is who Okta says they are, whatever they have typed into the form.
    """
    profile = request.user if request.kind is Kind.UPDATE else request.profile
    values = [profile.get(attribute) for attribute in ("login", "email")]
    return [value for value in values if isinstance(value, str) and value.strip()]


def _legacy_profile(found: Sequence[LegacyProfile]) -> Mapping[str, object] | None:
    if len(found) == 1:
        return {} if found[0].migrated else found[0].profile | {"login": found[0].login}
    # Two accounts: the person is known, but whose attributes would these be?
    return {} if found else None


def _written(kind: Kind, decision: Decision, code: str) -> bytes | None:
    try:
        return write_answer(kind, decision, code)
    except (AnswerTooLarge, TypeError, ValueError, RecursionError) as error:
        # A value that is no JSON can only come from a policy in code.
        log.error("policy_failed", fault=type(error).__name__)  # noqa: TRY400 (its traceback shows values)
        raise PolicyFailed from None

"""Screening of a registration by the policy and the legacy store."""

from collections.abc import Mapping, Sequence
from enum import StrEnum

import structlog

from service.audit_trail import AuditTrail, new_code
from service.immutable import immutable
from service.okta.password_import import trace
from service.okta.registration import (
    MAX_ANSWER,
    Allow,
    AnswerTooLarge,
    Decision,
    Deny,
    Kind,
    ScreeningRequest,
    write_answer,
)
from service.registration.code_policy import CodePolicy, LegacyLookup, fail
from service.registration.evaluate import add_code, judge
from service.registration.policy import Judgement, Policy
from service.registration.predicates import names_of
from service.registration.queries import LegacyProfile
from service.store.audit import Action, Entry
from service.telemetry import Telemetry

log = structlog.get_logger()

CALLS_END = 10.0
"""Seconds after which no running call can still use a replaced policy: more than REQUEST_TIMEOUT."""


class Decided(StrEnum):
    """The result of a screening; the value is the metric's label."""

    ALLOWED = "allowed"
    CHANGED = "changed"
    """Allowed, with changes to the profile."""
    DENIED = "denied"


@immutable
class Screening:
    """A decision, the steps that led to it, and the answer to Okta; None for an empty answer."""

    judgement: Judgement
    answer: bytes | None

    @property
    def decided(self) -> Decided:
        """Return the decision as one word."""
        decision = self.judgement.decision
        if isinstance(decision, Deny):
            return Decided.DENIED
        return Decided.CHANGED if decision.updates else Decided.ALLOWED


class RegistrationScreener:
    """Screens registrations and profile updates by one policy; without a policy, it allows all."""

    def __init__(
        self,
        policy: Policy | None,
        lookup: LegacyLookup,
        telemetry: Telemetry,
        trail: AuditTrail | None = None,
    ) -> None:
        self.policy = policy
        self._trail = trail or AuditTrail()
        self._lookup = lookup
        self._telemetry = telemetry

    async def screen(self, request: ScreeningRequest) -> Screening:
        """Decide. Raises `PolicyFailed`, and the store's errors: a fault never allows a registration."""
        judgement = await self._judge(request)
        code = new_code()
        screening = Screening(judgement, self._written(request.kind, judgement.decision, code))
        self._record(request, screening, code)
        return screening

    def replace_policy(self, policy: Policy) -> None:
        """Use another policy for the requests that follow; running ones finish with the old policy."""
        if self.policy is not None and self.policy.code is not None:
            self.policy.code.close(after=CALLS_END)
        self.policy = policy

    def close(self) -> None:
        """Close the resources of a policy in code."""
        if self.policy is not None and self.policy.code is not None:
            self.policy.code.close()

    async def _judge(self, request: ScreeningRequest) -> Judgement:
        policy = self.policy
        if policy is None:
            return Judgement(Allow())
        names = names_of(request) if policy.asks_legacy_store(request.kind) else ()
        found = await self._lookup.by_names(names) if names else ()
        migrated = any(each.migrated for each in found)
        judged = judge(policy, request, _legacy_profile(found), migrated=migrated)
        return judged if policy.code is None else await self._judge_by_code(policy.code, request, judged)

    async def _judge_by_code(self, code: CodePolicy, request: ScreeningRequest, judged: Judgement) -> Judgement:
        if isinstance(judged.decision, Deny) or judged.decision.explicitly:
            return add_code(judged, None, code.name)
        return add_code(judged, await code.decide(request, self._lookup), code.name)

    def _written(self, kind: Kind, decision: Decision, code: str) -> bytes | None:
        fault = ""
        try:
            return write_answer(kind, decision, code)
        except AnswerTooLarge:
            fault = f"the answer would have {MAX_ANSWER // 1024} KB or more"
        except (TypeError, ValueError, RecursionError) as error:
            fault = type(error).__name__
        # Values of a rules file are bounded, and so is a request: this value comes from code or a legacy profile.
        return fail(
            self.policy.code.name if self.policy is not None and self.policy.code is not None else "policy", fault
        )

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


def _legacy_profile(found: Sequence[LegacyProfile]) -> Mapping[str, object] | None:
    if len(found) == 1:
        return {} if found[0].migrated else found[0].profile | {"login": found[0].login}
    # With two accounts the person is known, but it is unknown whose attributes to use.
    return {} if found else None

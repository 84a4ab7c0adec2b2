"""The check of the org's hooks: settings, secrets, recent failures.

A hook's secret cannot be read back, but Okta can be made to call the service with it. So the inline hooks are executed
with a probe for an invented person, and the event hook is verified again, but only after the service has answered us,
because a failed verification may stop the hook's events.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from service.hooks.findings import Fault, Finding, clock_fault, reported_failure_fault, settings_faults
from service.hooks.ownership import Ownership, find_hooks
from service.hooks.probe import Probe, call_service, probe_findings
from service.hooks.register import DesiredHooks, HookOrg
from service.okta.errors import NoAnswer, ProofRefused, Refused
from service.okta.events import IMPORT_EVENT
from service.okta.hooks import HeaderChannel, Hook, HookKind, is_good_answer, probe_payload
from service.okta.parsing import member, text_member
from service.okta.system_log import bounded, failures_of

# Failed calls of our hooks in the System Log of the last day.

RECENT = timedelta(hours=24)


async def recent_failures(org: HookOrg, kind: HookKind, hooks: Sequence[Hook]) -> list[Finding]:
    """Return how often Okta failed to call these hooks, and the last reason. Raises `OktaFault`."""
    try:
        events, _ = await org.log_page(_question(kind))
    except Refused as refused:
        if not refused.is_about_us:
            raise
        return [_not_allowed(refused, kind, f"the System Log: {refused}")]
    own = {hook.id for hook in hooks}
    failed = [each for each in events if own & set(_targets(each)) and not _is_success(each)]
    return [Finding(Fault.RECENT_FAILURES, kind, _summary(failed))] if failed else []


def _not_allowed(refused: Refused, kind: HookKind, detail: str) -> Finding:
    if isinstance(refused, ProofRefused):
        return Finding(Fault.PROOF_REFUSED, None, str(refused))  # not of one hook: every call is rejected for it
    return Finding(Fault.FORBIDDEN, kind, detail)


def _question(kind: HookKind) -> Mapping[str, str]:
    event = "inline_hook.executed" if kind.is_inline else "event_hook.delivery"
    until = datetime.now(UTC)
    # The newest first: failures of the org's other hooks may fill the page.
    return bounded(until - RECENT, until, failures_of(event)) | {"sortOrder": "DESCENDING"}


def _summary(failed: Sequence[object]) -> str:
    last = failed[0]
    reason = text_member(last, "outcome", "reason") or text_member(last, "displayMessage")
    return f"{len(failed)} in 24 hours, the last at {text_member(last, 'published')}: {reason}"


def _targets(event: object) -> list[str]:
    targets = member(event, "target")
    return [text_member(each, "id") or "" for each in targets] if isinstance(targets, list) else []


def _is_success(event: object) -> bool:
    return text_member(event, "outcome", "result") == "SUCCESS"


class HookCheck:
    """One check. `verify` verifies the event hook again, which shows whether its secret is ours."""

    def __init__(
        self, org: HookOrg, ownership: Ownership, probe: Probe, desired: DesiredHooks, *, verify: bool = True
    ) -> None:
        self.org = org
        self.ownership = ownership
        self.probe = probe
        self.desired = desired
        self.verify = verify
        self._answers = False

    async def run(self) -> list[Finding]:
        """Return all findings. Raises `OktaFault` if Okta cannot be called at all."""
        findings: list[Finding] = []
        for kind in self.desired.kinds:
            findings += [finding async for finding in self._check(kind)]
        # A fault common to all hooks belongs to the service or the certificate, and is reported once.
        findings += clock_fault(self.org.clock_ahead)
        return list({(each.fault, each.kind or each.detail): each for each in findings}.values())

    async def _check(self, kind: HookKind) -> AsyncIterator[Finding]:
        try:
            hooks = await self.org.list_hooks(kind)
        except Refused as refused:
            if not refused.is_about_us:
                raise
            yield _not_allowed(refused, kind, str(refused))
            return
        ours = find_hooks(kind, hooks, self.desired.uri(kind), await self.ownership.ids(kind)).checked
        if not ours:
            yield _missing(kind, hooks)
            return
        if len(ours) > 1:
            yield Finding(Fault.SEVERAL, kind, ", ".join(each.id for each in ours))
        for finding in await recent_failures(self.org, kind, ours):
            yield finding
        async for finding in self._check_best(kind, ours[0]):
            yield finding

    async def _check_best(self, kind: HookKind, hook: Hook) -> AsyncIterator[Finding]:
        proof = None if self.desired.takes_tokens_of(kind, hook) else self.desired.proof(kind)
        desired = self.desired
        faults = list(settings_faults(kind, hook, desired.uri(kind), proof, allow_http=desired.allow_http))
        direct = await self._from_here(kind)
        for finding in [*faults, *direct]:
            yield finding
        self._answers |= not any(finding.fault is Fault.NOT_SEEN_FROM_HERE for finding in direct)
        # The remaining faults of an unverified hook show when it is verified.
        if all(each.fault.is_warning or each.fault is Fault.UNVERIFIED for each in [*faults, *direct]):
            async for finding in self._from_okta(kind, hook):
                yield finding

    async def _from_here(self, kind: HookKind) -> list[Finding]:
        """Call the service as Okta would, with our secret."""
        proof = self.desired.proof(kind)
        if not isinstance(proof, HeaderChannel):
            return []
        return list(probe_findings(kind, await call_service(self.probe, self.desired.base_url, kind, proof)))

    async def _from_okta(self, kind: HookKind, hook: Hook) -> AsyncIterator[Finding]:
        """Make Okta call the service."""
        try:
            if kind.is_inline:
                answer = await self.org.execute_hook(hook.id, probe_payload(kind))
                self._answers = True
                if not is_good_answer(kind, answer):
                    yield Finding(Fault.WRONG_ANSWER, kind)
            elif self.verify and self._answers:
                await self.org.hook_step(kind, hook.id, "verify")
        except Refused as refused:
            if refused.is_about_us:
                yield _not_allowed(refused, kind, str(refused))
            else:
                yield Finding(self._fault_of(refused, kind, hook), kind, str(refused))
        except NoAnswer as error:
            yield Finding(Fault.UNREACHABLE, kind, str(error))

    def _fault_of(self, refused: Refused, kind: HookKind, hook: Hook) -> Fault:
        if not kind.is_inline:
            # Okta gives no reason, but the call from here showed that the service accepts our secret.
            return Fault.SECRET_NOT_OURS
        fault = reported_failure_fault(" ".join(refused.texts))
        by_token = fault is Fault.SECRET_NOT_OURS and self.desired.takes_tokens_of(kind, hook)
        return Fault.TOKEN_NOT_OURS if by_token else fault


def _missing(kind: HookKind, hooks: Sequence[Hook]) -> Finding:
    alike = [hook.uri for hook in hooks if IMPORT_EVENT in hook.events or hook.name == kind.label]
    others = f"not created by this installation: {', '.join(alike)}" if alike else ""
    return Finding(Fault.MISSING, kind, others)

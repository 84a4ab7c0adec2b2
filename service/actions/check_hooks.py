"""Find out what is wrong with the org's hooks: their settings, their secrets, their recent failures. Knows no HTTP.

A hook's secret can't be read back; that it is ours shows when Okta calls the service with it. For that the inline hooks
are executed with a probe of nobody's, and the event hook is verified once more; the latter only after the service has
answered us, because a verification that fails may take the hook's events away.
"""

from collections.abc import AsyncIterator, Sequence

from service.actions.hook_org import HookOrg
from service.actions.probe_service import Probe, call_service, probe_findings
from service.actions.recent_failures import recent_failures
from service.actions.wanted_hooks import DesiredHooks, find_ours
from service.okta.faults import NoAnswer, Refused
from service.okta.hook_settings import HeaderChannel, Hook, HookKind
from service.okta.import_event import IMPORT_EVENT
from service.okta.probes import is_good_answer, probe_payload
from service.policies.hook_call_faults import clock_fault, reported_failure_fault
from service.policies.hook_faults import Fault, Finding
from service.policies.hook_settings_faults import settings_faults


class HookCheck:
    """One check. `verify` verifies the event hook once more, which tells whether its secret is ours."""

    def __init__(self, org: HookOrg, probe: Probe, desired: DesiredHooks, *, verify: bool = True) -> None:
        self.org = org
        self.probe = probe
        self.desired = desired
        self.verify = verify
        self._answers = False

    async def run(self) -> list[Finding]:
        """Give all that is wrong. Raises `OktaFault` where Okta cannot be asked at all."""
        findings: list[Finding] = []
        for kind in self.desired.kinds:
            findings += [finding async for finding in self._check(kind)]
        # The same fault of all hooks is the service's, or the certificate's: once is enough.
        findings += clock_fault(self.org.clock_ahead)
        return list({(each.fault, each.kind or each.detail): each for each in findings}.values())

    async def _check(self, kind: HookKind) -> AsyncIterator[Finding]:
        try:
            hooks = await self.org.list_hooks(kind)
        except Refused as refused:
            if not refused.is_about_us:
                raise
            yield Finding(Fault.FORBIDDEN, kind, str(refused))
            return
        ours = find_ours(kind, hooks, self.desired)
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
        faults = list(settings_faults(kind, hook, self.desired.uri(kind), proof))
        direct = await self._from_here(kind)
        for finding in [*faults, *direct]:
            yield finding
        self._answers |= not any(finding.fault is Fault.NOT_SEEN_FROM_HERE for finding in direct)
        # What else is wrong with an unverified hook shows when it is verified.
        if all(each.fault.is_warning or each.fault is Fault.UNVERIFIED for each in [*faults, *direct]):
            async for finding in self._from_okta(kind, hook):
                yield finding

    async def _from_here(self, kind: HookKind) -> list[Finding]:
        """Call the service as Okta would, with the secret that we have."""
        proof = self.desired.proof(kind)
        if not isinstance(proof, HeaderChannel):
            return []
        return list(probe_findings(kind, await call_service(self.probe, self.desired.base_url, kind, proof)))

    async def _from_okta(self, kind: HookKind, hook: Hook) -> AsyncIterator[Finding]:
        """Let Okta call the service."""
        try:
            if kind.is_inline:
                answer = await self.org.execute_hook(hook.id, probe_payload(kind))
                self._answers = True
                if not is_good_answer(kind, answer):
                    yield Finding(Fault.WRONG_ANSWER, kind)
            elif self.verify and self._answers:
                await self.org.hook_step(kind, hook.id, "verify")
        except Refused as refused:
            yield Finding(self._fault_of(refused, kind, hook), kind, str(refused))
        except NoAnswer as error:
            yield Finding(Fault.UNREACHABLE, kind, str(error))

    def _fault_of(self, refused: Refused, kind: HookKind, hook: Hook) -> Fault:
        if refused.is_about_us:
            return Fault.FORBIDDEN
        if not kind.is_inline:
            # Okta does not say why; that the service takes our secret was seen from here.
            return Fault.SECRET_NOT_OURS
        fault = reported_failure_fault(" ".join(refused.texts))
        by_token = fault is Fault.SECRET_NOT_OURS and self.desired.takes_tokens_of(kind, hook)
        return Fault.TOKEN_NOT_OURS if by_token else fault


def _missing(kind: HookKind, hooks: Sequence[Hook]) -> Finding:
    others = ", ".join(hook.uri for hook in hooks if IMPORT_EVENT in hook.events)
    return Finding(Fault.MISSING, kind, f"there is one that leads to {others}" if others else "")

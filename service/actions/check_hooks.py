"""Find out what is wrong with the org's hooks: their settings, their secrets, their recent failures. Knows no HTTP.

A hook's secret can't be read back; that it is ours shows when Okta calls the service with it. For that the inline hooks
are executed with a probe of nobody's, and the event hook is verified once more; the latter only after the service has
answered us, because a verification that fails may take the hook's events away.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from service.actions.reconcile_log import Page
from service.immutable import immutable
from service.okta.body import member, text_member
from service.okta.events import IMPORT_EVENT
from service.okta.faults import NoAnswer, Refused
from service.okta.hook_settings import HeaderChannel, Hook, HookKind, Proof
from service.okta.log_queries import bounded, failures_of
from service.okta.probes import is_good_answer, probe_payload
from service.policies.hook_call_faults import certificate_fault, clock_fault, status_fault, told_fault
from service.policies.hook_faults import Fault, Finding
from service.policies.hook_settings_faults import settings_faults

RECENT = timedelta(hours=24)
CHALLENGE = "X-Okta-Verification-Challenge"


class HookOrg(Protocol):
    """The hooks of an org, and its log."""

    clock_ahead: float | None

    async def list_hooks(self, kind: HookKind) -> list[Hook]:
        """List the hooks of a kind."""
        ...

    async def create_hook(self, kind: HookKind, settings: Mapping[str, Any]) -> Hook:
        """Create a hook."""
        ...

    async def replace_hook(self, kind: HookKind, hook_id: str, settings: Mapping[str, Any]) -> Hook:
        """Replace a hook's settings."""
        ...

    async def hook_step(self, kind: HookKind, hook_id: str, step: str) -> Hook:
        """Take a step of a hook's life."""
        ...

    async def delete_hook(self, kind: HookKind, hook_id: str) -> None:
        """Delete an inactive hook."""
        ...

    async def execute_hook(self, hook_id: str, payload: Mapping[str, Any]) -> object:
        """Let Okta call an inline hook."""
        ...

    async def log_page(self, query: Mapping[str, str]) -> Page:
        """Get the first page of a question to the log."""
        ...


class Answered(Protocol):
    """What a call of the service brought."""

    @property
    def status(self) -> int | None:
        """The HTTP status; None where there was no answer."""
        ...

    @property
    def answer(self) -> object:
        """The JSON of the body."""
        ...

    @property
    def location(self) -> str | None:
        """Where a redirect leads."""
        ...

    @property
    def certificate_ends(self) -> datetime | None:
        """Until when the certificate is good."""
        ...

    @property
    def fault(self) -> str | None:
        """Why there was no answer."""
        ...

    @property
    def bad_certificate(self) -> bool:
        """Tell whether the certificate is why."""
        ...


class Probe(Protocol):
    """Calls the service from here."""

    async def call(self, url: str, headers: Mapping[str, str], payload: Mapping[str, Any] | None = None) -> Answered:
        """Post a payload, or get where there is none."""
        ...


@immutable
class Wanted:
    """What the hooks must be."""

    base_url: str
    inline_proof: Proof = field(repr=False)
    event_proof: HeaderChannel = field(repr=False)
    registration: bool = True
    accepts_oauth: bool = False
    """The service takes tokens too, so an inline hook may prove itself by OAuth."""

    @property
    def kinds(self) -> Sequence[HookKind]:
        """Which hooks there must be."""
        return [kind for kind in HookKind if self.registration or kind is not HookKind.REGISTRATION]

    def uri(self, kind: HookKind) -> str:
        """Give a hook's URL."""
        return self.base_url.rstrip("/") + kind.path

    def proof(self, kind: HookKind) -> Proof:
        """Give how Okta proves itself to a hook."""
        return self.inline_proof if kind.is_inline else self.event_proof

    def takes_tokens_of(self, kind: HookKind, hook: Hook) -> bool:
        """Tell whether a hook proves itself by OAuth, and may."""
        return kind.is_inline and hook.oauth and self.accepts_oauth


class HookCheck:
    """One check. `verify` verifies the event hook once more, which tells whether its secret is ours."""

    def __init__(self, org: HookOrg, probe: Probe, wanted: Wanted, *, verify: bool = True) -> None:
        self.org = org
        self.probe = probe
        self.wanted = wanted
        self.verify = verify
        self._answers = False

    async def run(self) -> list[Finding]:
        """Give all that is wrong. Raises `OktaFault` where Okta cannot be asked at all."""
        findings: list[Finding] = []
        for kind in self.wanted.kinds:
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
        ours = find_ours(kind, hooks, self.wanted)
        if not ours:
            others = ", ".join(hook.uri for hook in hooks if IMPORT_EVENT in hook.events)
            yield Finding(Fault.MISSING, kind, f"there is one that leads to {others}" if others else "")
            return
        hook = ours[0]
        if len(ours) > 1:
            yield Finding(Fault.SEVERAL, kind, ", ".join(each.id for each in ours))
        async for finding in self._failures(kind, ours):
            yield finding
        proof = None if self.wanted.takes_tokens_of(kind, hook) else self.wanted.proof(kind)
        faults = list(settings_faults(kind, hook, self.wanted.uri(kind), proof))
        direct = [finding async for finding in self._from_here(kind)]
        for finding in [*faults, *direct]:
            yield finding
        self._answers |= not any(finding.fault is Fault.NOT_SEEN_FROM_HERE for finding in direct)
        # What else is wrong with an unverified hook shows when it is verified.
        if all(each.fault.is_warning or each.fault is Fault.UNVERIFIED for each in [*faults, *direct]):
            async for finding in self._from_okta(kind, hook):
                yield finding

    async def _from_here(self, kind: HookKind) -> AsyncIterator[Finding]:
        """Call the service as Okta would, with the secret that we have."""
        proof = self.wanted.proof(kind)
        if not isinstance(proof, HeaderChannel):
            return
        called = await call_service(self.probe, self.wanted.base_url, kind, proof)
        for finding in certificate_fault(called.certificate_ends, datetime.now(UTC)):
            yield finding
        if called.bad_certificate:
            yield Finding(Fault.CERTIFICATE_BAD, None, called.fault or "")
        elif called.status is None:
            yield Finding(Fault.NOT_SEEN_FROM_HERE, kind, called.fault or "")
        else:
            fault = answer_fault(kind, called)
            fault = Fault.SECRET_UNKNOWN if fault is Fault.SECRET_NOT_OURS else fault
            if fault is not None:
                yield Finding(fault, kind, called.location or f"the service answered {called.status}")

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
            if refused.is_about_us:
                yield Finding(Fault.FORBIDDEN, kind, str(refused))
            elif kind.is_inline:
                fault = told_fault(" ".join(refused.texts))
                by_token = fault is Fault.SECRET_NOT_OURS and self.wanted.takes_tokens_of(kind, hook)
                yield Finding(Fault.TOKEN_NOT_OURS if by_token else fault, kind, str(refused))
            else:
                # Okta does not say why; that the service takes our secret was seen from here.
                yield Finding(Fault.SECRET_NOT_OURS, kind, str(refused))
        except NoAnswer as error:
            yield Finding(Fault.UNREACHABLE, kind, str(error))

    async def _failures(self, kind: HookKind, hooks: Sequence[Hook]) -> AsyncIterator[Finding]:
        """Look for failed calls of these hooks in the log."""
        event = "inline_hook.executed" if kind.is_inline else "event_hook.delivery"
        until = datetime.now(UTC)
        try:
            # The newest first: other hooks of the org may have failed more often than there is room on a page.
            newest_first = bounded(until - RECENT, until, failures_of(event)) | {"sortOrder": "DESCENDING"}
            events, _ = await self.org.log_page(newest_first)
        except Refused as refused:
            if not refused.is_about_us:
                raise
            yield Finding(Fault.FORBIDDEN, kind, f"the System Log: {refused}")
            return
        own = {hook.id for hook in hooks}
        failed = [each for each in events if own & set(_targets(each)) and not _is_success(each)]
        if failed:
            reason = text_member(failed[0], "outcome", "reason") or text_member(failed[0], "displayMessage")
            when = text_member(failed[0], "published")
            yield Finding(Fault.RECENT_FAILURES, kind, f"{len(failed)} in 24 hours, the last at {when}: {reason}")


def find_ours(kind: HookKind, hooks: Sequence[Hook], wanted: Wanted) -> list[Hook]:
    """Find which of the org's hooks are ours, the best first: those of our URL, else those that do the same."""
    hooks = sorted(hooks, key=lambda hook: (hook.uri != wanted.uri(kind), not hook.active, not hook.verified))
    if kind is HookKind.PASSWORD_IMPORT:
        return hooks  # an org has one
    here = [hook for hook in hooks if hook.uri == wanted.uri(kind)]
    return here or [hook for hook in hooks if hook.uri.endswith(kind.path) or hook.name == kind.label]


async def call_service(probe: Probe, base_url: str, kind: HookKind, proof: HeaderChannel) -> Answered:
    """Call a hook's route of a service with a secret and a probe of nobody's."""
    url, headers = base_url.rstrip("/") + kind.path, {proof.name: proof.value}
    if kind.is_inline:
        return await probe.call(url, headers, probe_payload(kind))
    return await probe.call(url, headers | {CHALLENGE: "password-import-probe"})


def answer_fault(kind: HookKind, called: Answered) -> Fault | None:
    """What is wrong with what the service answered to a probe."""
    fault = status_fault(called.status or 0)
    if fault is not None:
        return fault
    if kind.is_inline:
        return None if is_good_answer(kind, called.answer) else Fault.WRONG_ANSWER
    echoed = text_member(called.answer, "verification") == "password-import-probe"
    return None if echoed else Fault.WRONG_ANSWER


def _targets(event: object) -> list[str]:
    targets = member(event, "target")
    return [text_member(each, "id") or "" for each in targets] if isinstance(targets, list) else []


def _is_success(event: object) -> bool:
    return text_member(event, "outcome", "result") == "SUCCESS"

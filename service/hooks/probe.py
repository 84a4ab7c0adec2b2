"""A probe that calls the service as Okta would, with an invented person."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from service.hooks.findings import Fault, Finding, certificate_fault, status_fault
from service.okta.hooks import HeaderChannel, HookKind, is_good_answer, probe_payload
from service.okta.parsing import text_member

CHALLENGE = "X-Okta-Verification-Challenge"
CHALLENGED = "password-import-probe"


class ProbeAnswer(Protocol):
    """What a call of the service brought."""

    @property
    def status(self) -> int | None:
        """The HTTP status; None if there was no answer."""
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
        """Return whether the certificate is why."""
        ...


class Probe(Protocol):
    """Calls the service from here."""

    async def call(self, url: str, headers: Mapping[str, str], payload: Mapping[str, Any] | None = None) -> ProbeAnswer:
        """Post a payload, or get where there is none."""
        ...


async def call_service(probe: Probe, base_url: str, kind: HookKind, proof: HeaderChannel) -> ProbeAnswer:
    """Call a hook's route of a service with a secret and a probe for an invented person."""
    url, headers = base_url.rstrip("/") + kind.path, {proof.name: proof.value}
    if kind.is_inline:
        return await probe.call(url, headers, probe_payload(kind))
    return await probe.call(url, headers | {CHALLENGE: CHALLENGED})


def answer_fault(kind: HookKind, called: ProbeAnswer) -> Fault | None:
    """What is wrong with what the service answered to a probe."""
    fault = status_fault(called.status or 0)
    if fault is not None:
        return fault
    if kind.is_inline:
        return None if is_good_answer(kind, called.answer) else Fault.WRONG_ANSWER
    echoed = text_member(called.answer, "verification") == CHALLENGED
    return None if echoed else Fault.WRONG_ANSWER


def probe_findings(kind: HookKind, called: ProbeAnswer) -> Iterator[Finding]:
    """Return what a call with a secret of ours shows."""
    yield from certificate_fault(called.certificate_ends, datetime.now(UTC))
    if called.bad_certificate:
        yield Finding(Fault.CERTIFICATE_BAD, None, called.fault or "")
    elif called.status is None:
        yield Finding(Fault.NOT_SEEN_FROM_HERE, kind, called.fault or "")
    elif (fault := answer_fault(kind, called)) is not None:
        # Okta was not asked here, so this says nothing of the secret that Okta has.
        fault = Fault.SECRET_UNKNOWN if fault is Fault.SECRET_NOT_OURS else fault
        yield Finding(fault, kind, called.location or f"the service answered {called.status}")

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
    """The result of a call to the service."""

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
        """The target of a redirect."""
        ...

    @property
    def certificate_ends(self) -> datetime | None:
        """When the certificate expires."""
        ...

    @property
    def fault(self) -> str | None:
        """Why there was no answer."""
        ...

    @property
    def bad_certificate(self) -> bool:
        """Return whether there was no answer because of the certificate."""
        ...


class Probe(Protocol):
    """Calls the service from this machine."""

    async def call(self, url: str, headers: Mapping[str, str], payload: Mapping[str, Any] | None = None) -> ProbeAnswer:
        """Post a payload, or send a GET if there is none."""
        ...


async def call_service(probe: Probe, base_url: str, kind: HookKind, proof: HeaderChannel) -> ProbeAnswer:
    """Call a hook's route with a secret and a probe for an invented person."""
    url, headers = base_url.rstrip("/") + kind.path, {proof.name: proof.value}
    if kind.is_inline:
        return await probe.call(url, headers, probe_payload(kind))
    return await probe.call(url, headers | {CHALLENGE: CHALLENGED})


def answer_fault(kind: HookKind, called: ProbeAnswer) -> Fault | None:
    """Return the fault of the service's answer to a probe."""
    fault = status_fault(called.status or 0)
    if fault is not None:
        return fault
    if kind.is_inline:
        return None if is_good_answer(kind, called.answer) else Fault.WRONG_ANSWER
    echoed = text_member(called.answer, "verification") == CHALLENGED
    return None if echoed else Fault.WRONG_ANSWER


def probe_findings(kind: HookKind, called: ProbeAnswer) -> Iterator[Finding]:
    """Yield the findings from a call with our secret."""
    yield from certificate_fault(called.certificate_ends, datetime.now(UTC))
    if called.bad_certificate:
        yield Finding(Fault.CERTIFICATE_BAD, None, called.fault or "")
    elif called.status is None:
        yield Finding(Fault.NOT_SEEN_FROM_HERE, kind, called.fault or "")
    elif (fault := answer_fault(kind, called)) is not None:
        # This was not Okta's call, so it does not test Okta's secret.
        fault = Fault.SECRET_UNKNOWN if fault is Fault.SECRET_NOT_OURS else fault
        yield Finding(fault, kind, called.location or f"the service answered {called.status}")

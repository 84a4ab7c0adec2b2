"""Rotation of the secret that Okta sends, without losing an event or a sign-in.

First every replica must accept the new secret; only then is Okta changed. Inline hooks change at once. An event hook
whose channel changes gets no events until it is verified, and for some minutes after. So a second one is created and
verified, both deliver for a while (duplicate events change nothing), and then the old one is deleted.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from service.hooks.findings import Fault, Finding, reported_failure_fault
from service.hooks.ownership import Approve, Claim, NotApproved, Ownership
from service.hooks.probe import Probe, answer_fault, call_service
from service.hooks.register import DesiredHooks, HookOrg, HookRegistration, Target, find_own
from service.okta.errors import Refused
from service.okta.hooks import HeaderChannel, Hook, HookKind, inline_hook, is_good_answer, probe_payload

CALLS_A_REPLICA = 1
CALLS_A_BALANCER = 20
"""Calls of one address that may have many replicas behind it: only those that answer are checked."""


class NotAccepted(Exception):
    """A replica does not accept the new secret; Okta still sends the old one. The message names the replica."""


@dataclass
class Rotated:
    """The changes that were made."""

    inline: list[HookKind] = field(default_factory=list)
    new_events: Hook | None = None
    removed: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


async def prove_replicas(probe: Probe, desired: DesiredHooks, replicas: Sequence[str]) -> None:
    """Call every replica with the new secret. Raises `NotAccepted`."""
    addresses = replicas or [desired.base_url] * CALLS_A_BALANCER
    for address in addresses:
        for kind in desired.kinds:
            proof = desired.proof(kind)
            if not isinstance(proof, HeaderChannel):
                continue
            called = await call_service(probe, address, kind, proof)
            if called.status is None:
                raise NotAccepted(f"{address} does not answer ({called.fault})")
            if (fault := answer_fault(kind, called)) is not None:
                why = (
                    "does not accept the new secret"
                    if fault is Fault.SECRET_NOT_OURS
                    else fault.value.replace("_", " ")
                )
                raise NotAccepted(f"{address}, {kind.label}: {why} (status {called.status})")


TELL_EVERY = 30.0
"""Seconds between two lines while both event hooks deliver."""


async def rotate_secret(  # noqa: PLR0913 (each is an option of the command)
    org: HookOrg,
    ownership: Ownership,
    probe: Probe,
    desired: DesiredHooks,
    *,
    replicas: Sequence[str] = (),
    overlap: float = 300.0,
    approve: Approve = lambda _kind, _hook, _claim: False,
    progress: Callable[[str], None] = lambda _text: None,
) -> Rotated:
    """Make Okta send the secrets of `desired`. `overlap`: seconds for which both event hooks deliver.

    Raises `NotAccepted` and `NotApproved` before any change, and `OktaFault`.
    """
    await prove_replicas(probe, desired, replicas)
    rotated = Rotated()
    targets = [await _target(org, ownership, kind, desired, approve, rotated) for kind in desired.kinds]
    registration = HookRegistration(org, ownership, desired)
    for target in targets:
        if target.kind.is_inline and isinstance(desired.inline_proof, HeaderChannel):
            await _inline(registration, target, rotated)
        elif not target.kind.is_inline and target.hooks:
            await _events(registration, target, rotated, overlap, progress)
    return rotated


async def _target(
    org: HookOrg,
    ownership: Ownership,
    kind: HookKind,
    desired: DesiredHooks,
    approve: Approve,
    rotated: Rotated,
) -> Target:
    """Choose the hooks whose secret is changed, never another service's hook."""
    found = await find_own(org, ownership, kind, desired)
    hooks, name = found.ours, f"{kind.label} {datetime.now(UTC):%Y-%m-%d %H:%M:%S}"
    if not hooks and found.same_url:
        hook = found.same_url[0]
        if not approve(kind, hook, Claim.OUR_URL):
            raise NotApproved(kind, hook, Claim.OUR_URL)
        hooks = [hook]
    if not hooks and kind is not HookKind.REGISTRATION:
        elsewhere = ", ".join(hook.uri for hook in found.in_the_way)
        detail = f"another service's leads to {elsewhere}" if elsewhere else ""
        rotated.findings.append(Finding(Fault.MISSING, kind, detail))
    return Target(kind, hooks, name)


async def _inline(registration: HookRegistration, target: Target, rotated: Rotated) -> None:
    org, desired, kind = registration.org, registration.desired, target.kind
    for hook in target.hooks:
        if desired.takes_tokens_of(kind, hook):
            continue  # it has no header secret
        await org.replace_hook(kind, hook.id, inline_hook(kind, hook.name, hook.uri, desired.inline_proof))
        await registration.ownership.add(kind, hook.id)
        rotated.inline.append(kind)
        try:
            good = is_good_answer(kind, await org.execute_hook(hook.id, probe_payload(kind)))
        except Refused as refused:
            rotated.findings.append(Finding(reported_failure_fault(" ".join(refused.texts)), kind, str(refused)))
        else:
            rotated.findings += [] if good else [Finding(Fault.WRONG_ANSWER, kind)]


async def _events(
    registration: HookRegistration,
    target: Target,
    rotated: Rotated,
    overlap: float,
    progress: Callable[[str], None],
) -> None:
    rotated.new_events = await registration.make_events(target.name)
    progress(f"both event hooks deliver for {overlap:.0f} seconds, so that no event is lost")
    while overlap > TELL_EVERY:
        await asyncio.sleep(TELL_EVERY)
        overlap -= TELL_EVERY
        progress(f"{overlap:.0f} seconds left")
    await asyncio.sleep(overlap)
    for hook in target.hooks:
        await registration.remove(target.kind, hook)
        rotated.removed.append(hook.id)

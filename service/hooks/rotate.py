"""Rotation of the secret that Okta sends, without losing an event or a sign-in.

First every replica proves that it takes the new secret; only then is Okta told. Inline hooks change at once. An event
hook whose channel changes gets no events until it is verified, and minutes after; so a second one is made and verified
beside the old one, both deliver for a while (what comes twice changes nothing), and then the old one goes.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from service.hooks.findings import Fault, Finding, reported_failure_fault
from service.hooks.probe import Probe, answer_fault, call_service
from service.hooks.register import DesiredHooks, HookOrg, find_ours
from service.okta.errors import Refused
from service.okta.hooks import HeaderChannel, Hook, HookKind, event_hook, inline_hook, is_good_answer, probe_payload

CALLS_A_REPLICA = 1
CALLS_A_BALANCER = 20
"""Calls of one address that may have many replicas behind it: they prove only those that answered."""


class NotAccepted(Exception):
    """A replica does not take the new secret; Okta still sends the old one. The message says which."""


@dataclass
class Rotated:
    """What was changed."""

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
                    "does not take the new secret" if fault is Fault.SECRET_NOT_OURS else fault.value.replace("_", " ")
                )
                raise NotAccepted(f"{address}, {kind.label}: {why} (it answered {called.status})")


async def rotate_secret(
    org: HookOrg,
    probe: Probe,
    desired: DesiredHooks,
    *,
    replicas: Sequence[str] = (),
    overlap: float = 300.0,
    progress: Callable[[str], None] = lambda _text: None,
) -> Rotated:
    """Let Okta send the secrets of `wanted`. `overlap`: seconds in which both event hooks deliver.

    Raises `NotAccepted`, having changed nothing, and `OktaFault`.
    """
    await prove_replicas(probe, desired, replicas)
    rotated = Rotated()
    for kind in desired.kinds:
        if kind.is_inline and isinstance(desired.inline_proof, HeaderChannel):
            await _inline(org, kind, desired, rotated)
    await _events(org, desired, rotated, overlap, progress)
    return rotated


async def _inline(org: HookOrg, kind: HookKind, desired: DesiredHooks, rotated: Rotated) -> None:
    ours = find_ours(kind, await org.list_hooks(kind), desired)
    for hook in ours:
        if desired.takes_tokens_of(kind, hook):
            continue  # it has no secret of ours
        await org.replace_hook(kind, hook.id, inline_hook(kind, hook.name, hook.uri, desired.inline_proof))
        rotated.inline.append(kind)
        try:
            good = is_good_answer(kind, await org.execute_hook(hook.id, probe_payload(kind)))
        except Refused as refused:
            rotated.findings.append(Finding(reported_failure_fault(" ".join(refused.texts)), kind, str(refused)))
        else:
            rotated.findings += [] if good else [Finding(Fault.WRONG_ANSWER, kind)]


async def _events(
    org: HookOrg, desired: DesiredHooks, rotated: Rotated, overlap: float, progress: Callable[[str], None]
) -> None:
    kind = HookKind.EVENTS
    old = find_ours(kind, await org.list_hooks(kind), desired)
    if not old:
        rotated.findings.append(Finding(Fault.MISSING, kind))
        return
    name = f"{kind.label} {datetime.now(UTC):%Y-%m-%d %H:%M:%S}"
    new = await org.create_hook(kind, event_hook(name, desired.uri(kind), desired.event_proof))
    try:
        rotated.new_events = await org.hook_step(kind, new.id, "verify")
    except Refused:
        await _remove(org, kind, new.id)
        raise
    progress(f"both event hooks deliver for {overlap:.0f} seconds, until the new one surely does")
    await asyncio.sleep(overlap)
    for hook in old:
        await _remove(org, kind, hook.id)
        rotated.removed.append(hook.id)


async def _remove(org: HookOrg, kind: HookKind, hook_id: str) -> None:
    await org.hook_step(kind, hook_id, "deactivate")
    await org.delete_hook(kind, hook_id)

"""Make the org's hooks lead to the service: find and update those that exist, make the others. Knows no HTTP.

An event hook whose settings are right is left alone, because replacing it stops its events until it is verified.
"""

import enum
from collections.abc import Callable, Sequence

from service.actions.hook_org import HookOrg
from service.actions.wanted_hooks import DesiredHooks, find_ours
from service.okta.faults import INVALID, Refused
from service.okta.hook_settings import HeaderChannel, Hook, HookKind, event_hook, inline_hook
from service.policies.hook_faults import Fault
from service.policies.hook_settings_faults import settings_faults


class Done(enum.StrEnum):
    """What was done to a hook."""

    CREATED = "created"
    UPDATED = "updated"
    KEPT = "kept"


Progress = Callable[[HookKind, Done, Hook], None]


async def register_hooks(
    org: HookOrg, desired: DesiredHooks, *, progress: Progress = lambda _kind, _done, _hook: None
) -> list[tuple[HookKind, Done, Hook]]:
    """Make or update every hook that there must be; verify the event hook. Raises `OktaFault`.

    `told` hears of each change when it is made, so that it is known where a later step fails.
    """
    done = []
    for kind in desired.kinds:
        ours = find_ours(kind, await org.list_hooks(kind), desired)
        what, hook = await (_inline if kind.is_inline else _events)(org, kind, ours, desired, progress)
        done.append((kind, what, hook))
    return done


async def _inline(
    org: HookOrg, kind: HookKind, ours: Sequence[Hook], desired: DesiredHooks, progress: Progress
) -> tuple[Done, Hook]:
    settings = inline_hook(kind, ours[0].name if ours else kind.label, desired.uri(kind), desired.proof(kind))
    if not ours:
        hook = await org.create_hook(kind, settings)
        progress(kind, Done.CREATED, hook)
        return Done.CREATED, hook
    # The secret can't be compared, so it is always set.
    hook = await org.replace_hook(kind, ours[0].id, settings)
    progress(kind, Done.UPDATED, hook)
    return Done.UPDATED, await _active(org, kind, hook)


async def _events(
    org: HookOrg, kind: HookKind, ours: Sequence[Hook], desired: DesiredHooks, progress: Progress
) -> tuple[Done, Hook]:
    proof, uri = desired.event_proof, desired.uri(kind)
    if not ours:
        hook = await _create_events(org, kind, uri, proof)
        progress(kind, Done.CREATED, hook)
        return Done.CREATED, await _verified(org, kind, hook)
    faults = {finding.fault for finding in settings_faults(kind, ours[0], uri, proof)}
    if faults <= {Fault.INACTIVE, Fault.UNVERIFIED}:
        try:
            # Verifying uses the secret that Okta has: it fails where that is not ours.
            return Done.KEPT, await _verified(org, kind, await _active(org, kind, ours[0]))
        except Refused as refused:
            if refused.is_about_us:
                raise
    hook = await org.replace_hook(kind, ours[0].id, event_hook(ours[0].name, uri, proof))
    progress(kind, Done.UPDATED, hook)
    return Done.UPDATED, await _verified(org, kind, await _active(org, kind, hook))


async def _create_events(org: HookOrg, kind: HookKind, uri: str, proof: HeaderChannel) -> Hook:
    try:
        return await org.create_hook(kind, event_hook(kind.label, uri, proof))
    except Refused as refused:
        if refused.code != INVALID:
            raise
        # The name of an event hook is unique, and another hook may have it.
        return await org.create_hook(kind, event_hook(f"{kind.label} ({uri.split('/')[2]})", uri, proof))


async def _active(org: HookOrg, kind: HookKind, hook: Hook) -> Hook:
    return hook if hook.active else await org.hook_step(kind, hook.id, "activate")


async def _verified(org: HookOrg, kind: HookKind, hook: Hook) -> Hook:
    return await org.hook_step(kind, hook.id, "verify")

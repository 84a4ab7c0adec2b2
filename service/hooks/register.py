"""Registration of the org's hooks: existing ones are updated, missing ones created.

An event hook whose settings are right is left alone, because replacing it stops its events until it is verified.
"""

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import Any, Protocol

from service.hooks.findings import Fault, settings_faults
from service.immutable import immutable
from service.okta.errors import INVALID, Refused
from service.okta.hooks import HeaderChannel, Hook, HookKind, Proof, event_hook, inline_hook
from service.okta.system_log import Page

# What registering, checking and rotating need of an org: its hooks and its log.


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


# What the org's hooks must be, and which of them are ours. Asks nobody.


@immutable
class DesiredHooks:
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


def find_ours(kind: HookKind, hooks: Sequence[Hook], desired: DesiredHooks) -> list[Hook]:
    """Find which of the org's hooks are ours, the best first: those of our URL, else those that do the same."""
    hooks = sorted(hooks, key=lambda hook: (hook.uri != desired.uri(kind), not hook.active, not hook.verified))
    if kind is HookKind.PASSWORD_IMPORT:
        return hooks  # an org has one
    here = [hook for hook in hooks if hook.uri == desired.uri(kind)]
    return here or [hook for hook in hooks if hook.uri.endswith(kind.path) or hook.name == kind.label]


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

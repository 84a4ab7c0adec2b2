"""Registration of the org's hooks: our existing ones are updated, the others created.

Everything that can fail is checked before the first write: who owns the hooks, whether the operator approves, whether
the service answers at the new address. An event hook with the right settings is kept. Otherwise it is not changed in
place, because Okta would send it nothing until it is verified: a second one is created and verified first.
"""

import enum
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any, Protocol
from urllib.parse import urlsplit

from service.hooks.findings import Fault, Finding, settings_faults
from service.hooks.ownership import Approve, FoundHooks, NotApproved, Ownership, find_hooks
from service.hooks.probe import Probe, call_service, probe_findings
from service.immutable import immutable
from service.okta.errors import Refused
from service.okta.hooks import HeaderChannel, Hook, HookKind, Proof, event_hook, inline_hook
from service.okta.system_log import Page

# The parts of an org that registration, check and rotation use: its hooks and its log.


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
        """Call a lifecycle operation of a hook."""
        ...

    async def delete_hook(self, kind: HookKind, hook_id: str) -> None:
        """Delete an inactive hook."""
        ...

    async def execute_hook(self, hook_id: str, payload: Mapping[str, Any]) -> object:
        """Make Okta call an inline hook."""
        ...

    async def log_page(self, query: Mapping[str, str]) -> Page:
        """Return the first page of a query to the log."""
        ...


# The desired hooks.


@immutable
class DesiredHooks:
    """The hooks that the org must have, with their settings."""

    base_url: str
    inline_proof: Proof = field(repr=False)
    event_proof: HeaderChannel = field(repr=False)
    registration: bool = True
    accepts_oauth: bool = False
    """Whether the service also accepts tokens, so that an inline hook may use OAuth."""
    allow_http: bool = False
    """For a rehearsal against the simulator: Okta itself calls only https."""

    @property
    def kinds(self) -> Sequence[HookKind]:
        """The required kinds of hooks."""
        return [kind for kind in HookKind if self.registration or kind is not HookKind.REGISTRATION]

    def uri(self, kind: HookKind) -> str:
        """Return a hook's URL."""
        return self.base_url.rstrip("/") + kind.path

    def proof(self, kind: HookKind) -> Proof:
        """Return the credentials that Okta sends to a hook."""
        return self.inline_proof if kind.is_inline else self.event_proof

    def takes_tokens_of(self, kind: HookKind, hook: Hook) -> bool:
        """Return whether a hook uses OAuth, and may."""
        return kind.is_inline and hook.oauth and self.accepts_oauth


async def find_own(org: HookOrg, ownership: Ownership, kind: HookKind, desired: DesiredHooks) -> FoundHooks:
    """List the org's hooks of a kind by owner. Raises `OktaFault`."""
    return find_hooks(kind, await org.list_hooks(kind), desired.uri(kind), await ownership.ids(kind))


# The checks before the first write.


class AddressUnusable(Exception):
    """The service does not answer correctly at the address, as seen from here; nothing was changed."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__("\n".join(map(str, findings)))
        self.findings = findings


async def probe_address(probe: Probe, desired: DesiredHooks) -> None:
    """Call every hook's route at the new address with its secret. Raises `AddressUnusable`."""
    findings = [finding async for finding in _probed(probe, desired)]
    unique = list({(each.fault, each.detail): each for each in findings}.values())
    if unique:
        raise AddressUnusable(unique)


async def _probed(probe: Probe, desired: DesiredHooks) -> AsyncIterator[Finding]:
    for kind in desired.kinds:
        proof = desired.proof(kind)
        if isinstance(proof, HeaderChannel):
            called = await call_service(probe, desired.base_url, kind, proof)
            for finding in probe_findings(kind, called):
                if _is_fatal(finding, kind):
                    yield finding


def _is_fatal(finding: Finding, kind: HookKind) -> bool:
    # Before accounts are loaded, the password import route answers 503; the event route still answers a challenge.
    if finding.fault is Fault.NOT_READY:
        return not kind.is_inline
    return finding.fault is Fault.NOT_SEEN_FROM_HERE or not finding.fault.is_warning


@immutable
class Target:
    """The plan for a kind: the hooks that are ours or may be replaced, the best first, and a free name."""

    kind: HookKind
    hooks: Sequence[Hook]
    name: str


async def plan_hooks(org: HookOrg, ownership: Ownership, desired: DesiredHooks, approve: Approve) -> list[Target]:
    """Find the hooks of each kind, asking the operator about those of others. Raises `NotApproved` and `OktaFault`."""
    return [await _plan(org, ownership, kind, desired, approve) for kind in desired.kinds]


async def _plan(org: HookOrg, ownership: Ownership, kind: HookKind, desired: DesiredHooks, approve: Approve) -> Target:
    found = await find_own(org, ownership, kind, desired)
    hooks = found.ours
    if claimed := found.claim():
        hook, claim = claimed
        if not approve(kind, hook, claim):
            raise NotApproved(kind, hook, claim)
        hooks = [hook]
    return Target(kind, hooks, free_name(kind, desired.base_url, found.names))


def free_name(kind: HookKind, base_url: str, taken: frozenset[str]) -> str:
    """Choose the name of a new hook; if it is in use, the service's host and then a number are appended."""
    return next(name for name in _names(kind.label, urlsplit(base_url).netloc) if name not in taken)


def _names(label: str, host: str) -> Iterator[str]:
    yield label
    yield f"{label} ({host})"
    number = 2
    while True:
        yield f"{label} ({host}) {number}"
        number += 1


# The writes. Each one is reported when it is done, so that the operator knows what was changed if a later one fails.


class Done(enum.StrEnum):
    """The change made to a hook."""

    CREATED = "created"
    UPDATED = "updated"
    KEPT = "kept"
    REPLACED = "replaced"
    REMOVED = "removed"


Progress = Callable[[HookKind, Done, Hook], None]


class HookRegistration:
    """Creates and updates the hooks of a plan. `progress` is called after each change."""

    def __init__(
        self,
        org: HookOrg,
        ownership: Ownership,
        desired: DesiredHooks,
        progress: Progress = lambda _kind, _done, _hook: None,
    ) -> None:
        self.org = org
        self.ownership = ownership
        self.desired = desired
        self.progress = progress

    async def run(self, targets: Sequence[Target]) -> list[tuple[HookKind, Done, Hook]]:
        """Apply the desired settings. Raises `OktaFault`; changes made until then were reported."""
        # The event hook first: its verification is the most likely failure, and nothing is changed yet.
        done = {}
        for target in sorted(targets, key=lambda target: target.kind.is_inline):
            done[target.kind] = await (self._inline if target.kind.is_inline else self._events)(target)
        return [(target.kind, *done[target.kind]) for target in targets]

    async def _inline(self, target: Target) -> tuple[Done, Hook]:
        kind, proof, uri = target.kind, self.desired.proof(target.kind), self.desired.uri(target.kind)
        if not target.hooks:
            hook = await self.create(kind, inline_hook(kind, target.name, uri, proof))
            return Done.CREATED, hook
        old = target.hooks[0]
        # The secret cannot be compared, so it is always set.
        hook = await self.org.replace_hook(kind, old.id, inline_hook(kind, old.name, uri, proof))
        await self.ownership.add(kind, hook.id)
        self.progress(kind, Done.UPDATED, hook)
        return Done.UPDATED, await self._active(kind, hook)

    async def _events(self, target: Target) -> tuple[Done, Hook]:
        kind = target.kind
        for old in target.hooks[:1]:
            uri, allow_http = self.desired.uri(kind), self.desired.allow_http
            found = settings_faults(kind, old, uri, self._event_proof, allow_http=allow_http)
            faults = {finding.fault for finding in found}
            if faults <= {Fault.INACTIVE, Fault.UNVERIFIED} and (kept := await self._verified_as_it_is(old)):
                return Done.KEPT, kept
        new = await self.make_events(target.name)
        for old in target.hooks:
            await self.remove(kind, old)
        return (Done.REPLACED if target.hooks else Done.CREATED), new

    @property
    def _event_proof(self) -> HeaderChannel:
        return self.desired.event_proof

    async def _verified_as_it_is(self, hook: Hook) -> Hook | None:
        """Verify a hook with the secret that Okta has; return None if the service does not accept it."""
        kind = HookKind.EVENTS
        try:
            verified = await self.org.hook_step(kind, (await self._active(kind, hook)).id, "verify")
        except Refused as refused:
            if refused.is_about_us:
                raise
            return None
        await self.ownership.add(kind, verified.id)
        return verified

    async def make_events(self, name: str) -> Hook:
        """Create and verify an event hook; one that cannot be verified is deleted again. Raises `OktaFault`."""
        kind = HookKind.EVENTS
        new = await self.create(kind, event_hook(name, self.desired.uri(kind), self._event_proof))
        try:
            return await self.org.hook_step(kind, new.id, "verify")
        except Refused:
            await self.remove(kind, new)
            raise

    async def create(self, kind: HookKind, settings: Mapping[str, Any]) -> Hook:
        """Create a hook and store its id. If the process dies in between, the next run asks about the hook."""
        hook = await self.org.create_hook(kind, settings)
        await self.ownership.add(kind, hook.id)
        self.progress(kind, Done.CREATED, hook)
        return hook

    async def remove(self, kind: HookKind, hook: Hook) -> None:
        """Delete a hook, and then its id."""
        await self.org.hook_step(kind, hook.id, "deactivate")
        await self.org.delete_hook(kind, hook.id)
        await self.ownership.remove(kind, hook.id)
        self.progress(kind, Done.REMOVED, hook)

    async def _active(self, kind: HookKind, hook: Hook) -> Hook:
        return hook if hook.active else await self.org.hook_step(kind, hook.id, "activate")


async def register_hooks(
    org: HookOrg,
    ownership: Ownership,
    desired: DesiredHooks,
    *,
    approve: Approve = lambda _kind, _hook, _claim: False,
    progress: Progress = lambda _kind, _done, _hook: None,
) -> list[tuple[HookKind, Done, Hook]]:
    """Create or update every desired hook; verify the event hook. Raises `NotApproved` and `OktaFault`."""
    targets = await plan_hooks(org, ownership, desired, approve)
    return await HookRegistration(org, ownership, desired, progress).run(targets)

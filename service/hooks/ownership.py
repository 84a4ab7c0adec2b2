"""Ownership of hooks: which of an org's hooks this installation created, and which others conflict with them.

A hook is ours if its id is stored. A name or a URL proves nothing: another team may have chosen the same name, and
Terraform or a second installation may own a hook with our URL. Those are replaced only with the operator's approval.
"""

import enum
from collections.abc import Callable, Sequence
from typing import Protocol

from service.hooks import queries
from service.immutable import immutable
from service.okta.hooks import Hook, HookKind
from service.store.database import Database


class Ownership(Protocol):
    """The stored ids of the hooks that this installation created in one org."""

    async def ids(self, kind: HookKind) -> frozenset[str]:
        """Return the ids of a kind."""
        ...

    async def add(self, kind: HookKind, hook_id: str) -> None:
        """Store an id."""
        ...

    async def remove(self, kind: HookKind, hook_id: str) -> None:
        """Drop an id."""
        ...


class StoredOwnership:
    """The ids of one org's hooks in the store."""

    def __init__(self, database: Database, org: str) -> None:
        self._database = database
        self._org = org

    async def ids(self, kind: HookKind) -> frozenset[str]:
        """Return the ids of a kind."""
        async with self._database.connection() as connection:
            return await queries.own_hooks(connection, self._org, kind.value)

    async def add(self, kind: HookKind, hook_id: str) -> None:
        """Store an id."""
        async with self._database.transaction() as connection:
            await queries.add_own_hook(connection, self._org, kind.value, hook_id)

    async def remove(self, kind: HookKind, hook_id: str) -> None:
        """Drop an id."""
        async with self._database.transaction() as connection:
            await queries.remove_own_hook(connection, self._org, kind.value, hook_id)


class Claim(enum.StrEnum):
    """Why a hook that this installation did not create would be replaced."""

    OUR_URL = "leads to exactly this address, but was not created by this installation"
    ONLY_ONE = "belongs to another service, and an org has one password import hook"


class NotApproved(Exception):
    """The operator did not approve the replacement of a hook; nothing was changed."""

    def __init__(self, kind: HookKind, hook: Hook, claim: Claim) -> None:
        super().__init__(f"{describe_claim(kind, hook, claim)}: nothing was changed")


Approve = Callable[[HookKind, Hook, Claim], bool]
"""Asks the operator whether a hook that this installation did not create may be replaced."""


def describe_claim(kind: HookKind, hook: Hook, claim: Claim) -> str:
    """Describe a hook that would be replaced: its name, id and URL, and why."""
    return f'the {kind.label} "{hook.name}" ({hook.id}, {hook.uri}) {claim.value}'


@immutable
class FoundHooks:
    """An org's hooks of one kind, by owner; each list has the working ones first."""

    ours: Sequence[Hook]
    """Created by this installation."""
    same_url: Sequence[Hook]
    """Other hooks with exactly our URL."""
    in_the_way: Sequence[Hook]
    """Other services' password import hooks, of which an org can have one."""
    checked: Sequence[Hook]
    """The hooks that `hooks check` checks: ours and those with our URL, otherwise the conflicting ones."""
    names: frozenset[str]
    """All names in use."""

    def claim(self) -> tuple[Hook, Claim] | None:
        """Return the hook to ask the operator about, if none is ours."""
        if self.ours:
            return None
        if self.same_url:
            return self.same_url[0], Claim.OUR_URL
        return (self.in_the_way[0], Claim.ONLY_ONE) if self.in_the_way else None


def find_hooks(kind: HookKind, hooks: Sequence[Hook], uri: str, own: frozenset[str]) -> FoundHooks:
    """Sort an org's hooks by owner. `uri` is ours; `own` contains the stored ids."""
    ordered = sorted(hooks, key=lambda hook: (hook.uri != uri, not hook.active, not hook.verified))
    others = [hook for hook in ordered if hook.id not in own]
    in_the_way = [hook for hook in others if hook.uri != uri and kind is HookKind.PASSWORD_IMPORT]
    return FoundHooks(
        ours=[hook for hook in ordered if hook.id in own],
        same_url=[hook for hook in others if hook.uri == uri],
        in_the_way=in_the_way,
        checked=[hook for hook in ordered if hook.id in own or hook.uri == uri] or in_the_way,
        names=frozenset(hook.name for hook in hooks),
    )

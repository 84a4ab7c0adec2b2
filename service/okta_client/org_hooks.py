"""An org's inline hooks and event hooks, one method a call. Knows the endpoints; decides nothing."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from service.okta.hook_settings import Hook, HookKind, read_hook, read_hooks
from service.okta_client.org_calls import OrgCalls


class OrgHooks(OrgCalls):
    """The hooks of one org."""

    async def list_hooks(self, kind: HookKind) -> list[Hook]:
        """List the org's hooks of a kind; all event hooks, whatever they are for."""
        if not kind.is_inline:
            return read_hooks((await self.send("GET", "eventHooks")).value)
        return read_hooks((await self.send("GET", "inlineHooks", query={"type": kind.value})).value)

    async def create_hook(self, kind: HookKind, settings: Mapping[str, Any]) -> Hook:
        """Create a hook; an event hook is still to be verified."""
        return read_hook((await self.send("POST", _collection(kind), settings)).value)

    async def replace_hook(self, kind: HookKind, hook_id: str, settings: Mapping[str, Any]) -> Hook:
        """Replace a hook's settings; that un-verifies an event hook."""
        path = f"{_collection(kind)}/{quote(hook_id, safe='')}"
        return read_hook((await self.send("PUT", path, settings, again=True)).value)

    async def hook_step(self, kind: HookKind, hook_id: str, step: str) -> Hook:
        """Take a step of a hook's life: activate, deactivate or, for an event hook, verify."""
        path = f"{_collection(kind)}/{quote(hook_id, safe='')}/lifecycle/{step}"
        return read_hook((await self.send("POST", path, again=True)).value)

    async def delete_hook(self, kind: HookKind, hook_id: str) -> None:
        """Delete an inactive hook."""
        await self.send("DELETE", f"{_collection(kind)}/{quote(hook_id, safe='')}")

    async def execute_hook(self, hook_id: str, payload: Mapping[str, Any]) -> object:
        """Let Okta call an inline hook with this payload, and give what the service answered."""
        return (await self.send("POST", f"inlineHooks/{quote(hook_id, safe='')}/execute", payload)).value


def _collection(kind: HookKind) -> str:
    return "inlineHooks" if kind.is_inline else "eventHooks"

"""What registering, checking and rotating need of an org: its hooks and its log. Knows no HTTP, and does nothing."""

from collections.abc import Mapping
from typing import Any, Protocol

from service.actions.reconcile_log import Page
from service.okta.hook_settings import Hook, HookKind


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

"""`/api/v1/inlineHooks`: create, read, replace, delete, activate, execute."""

from aiohttp import web

from simulator.answers import Fault
from simulator.api.authn import read_json
from simulator.api.channels import read_endpoint
from simulator.api.errors import ApiError
from simulator.calling import call_inline
from simulator.hooks import HookType, InlineHook
from simulator.keys import ORG
from simulator.org import Org

MOST_HOOKS = 50
"""Okta's API reference says 50, its guides 100."""


async def create(request: web.Request) -> web.Response:
    """Create an active hook. An org has one password import hook."""
    org, members = request.app[ORG], await read_json(request)
    name, kind = str(members.get("name") or ""), str(members.get("type") or "")
    if not name or kind not in list(HookType):
        raise ApiError("E0000001", "name and a known type are required", summary="Api validation failed: inlineHook")
    same = [hook for hook in org.inline_hooks.values() if hook.type == kind]
    if (kind == HookType.PASSWORD_IMPORT and same) or len(org.inline_hooks) >= MOST_HOOKS:
        raise ApiError("E0000001", "The maximum number of hooks of this type exists already")
    now = org.clock.now()
    version = str(members.get("version") or "1.0.0")
    hook = InlineHook(org.ids.okta("cal"), name, kind, read_endpoint(org, members), now, now, version)
    org.inline_hooks[hook.id] = hook
    return web.json_response(hook.to_json(org.url))


async def list_hooks(request: web.Request) -> web.Response:
    """List all hooks, or those of a type."""
    org, kind = request.app[ORG], request.query.get("type")
    hooks = [hook for hook in org.inline_hooks.values() if kind in (None, hook.type)]
    return web.json_response([hook.to_json(org.url) for hook in hooks])


async def get(request: web.Request) -> web.Response:
    """Return one hook."""
    return web.json_response(_found(request).to_json(request.app[ORG].url))


async def replace(request: web.Request) -> web.Response:
    """Replace name and channel but not the type. A secret that is not sent again is lost."""
    org, hook, members = request.app[ORG], _found(request), await read_json(request)
    hook.channel = read_endpoint(org, members)
    hook.name = str(members.get("name") or hook.name)
    hook.updated = org.clock.now()
    return web.json_response(hook.to_json(org.url))


async def delete(request: web.Request) -> web.Response:
    """Delete an inactive hook."""
    hook = _found(request)
    if hook.active:
        raise ApiError("E0000001", "The hook must be INACTIVE to be deleted")
    del request.app[ORG].inline_hooks[hook.id]
    return web.Response(status=204)


async def lifecycle(request: web.Request) -> web.Response:
    """Activate or deactivate."""
    org, hook = request.app[ORG], _found(request)
    hook.active = request.match_info["step"] == "activate"
    hook.updated = org.clock.now()
    return web.json_response(hook.to_json(org.url))


async def execute(request: web.Request) -> web.Response:
    """Send the given payload to the hook's URL and return the service's answer."""
    org, hook, payload = request.app[ORG], _found(request), await read_json(request)
    if not hook.active:
        raise ApiError("E0000001", "The hook must be ACTIVE to be executed")
    answer = await call_inline(org, hook, org.caused(request.path, "127.0.0.1"), payload)
    members = answer.object() if answer.ok else None
    if members is None:
        reason = "timed out" if answer.fault is Fault.TIMEOUT else answer.failure
        raise ApiError("E0000001", f'Hook "{hook.name}" execution failed. {reason}')
    return web.json_response(members)


def _found(request: web.Request) -> InlineHook:
    org: Org = request.app[ORG]
    hook = org.inline_hooks.get(request.match_info["hook"])
    if hook is None:
        raise ApiError("E0000007", summary=f"Not found: Resource not found: {request.match_info['hook']} (InlineHook)")
    return hook

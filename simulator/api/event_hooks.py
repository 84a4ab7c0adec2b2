"""`/api/v1/eventHooks`: create, read, replace, delete, activate, verify."""

from aiohttp import web

from simulator.api.authn import read_json
from simulator.api.channels import read_endpoint
from simulator.api.errors import ApiError
from simulator.channel import JsonObject
from simulator.hooks import EventHook
from simulator.keys import ORG
from simulator.org import Org

MOST_TYPES = 300


async def create(request: web.Request) -> web.Response:
    """Create an active hook that must still be verified."""
    org, members = request.app[ORG], await read_json(request)
    channel, (items, condition) = read_endpoint(org, members), _events(members)
    if channel.oauth:
        raise ApiError("E0000001", "channel.type: an event hook's channel is HTTP")
    name, now = _name(org, members), org.clock.now()
    hook = EventHook(org.ids.okta("who"), name, channel, items, now, now, org.admin_id)
    hook.description, hook.filter = members.get("description"), condition
    org.event_hooks[hook.id] = hook
    return web.json_response(hook.to_json(org.url))


async def list_hooks(request: web.Request) -> web.Response:
    """List all hooks."""
    org = request.app[ORG]
    return web.json_response([hook.to_json(org.url) for hook in org.event_hooks.values()])


async def get(request: web.Request) -> web.Response:
    """Return one hook."""
    return web.json_response(_found(request).to_json(request.app[ORG].url))


async def replace(request: web.Request) -> web.Response:
    """Replace a hook. A request with a channel un-verifies it, because secrets cannot be compared."""
    org, hook, members = request.app[ORG], _found(request), await read_json(request)
    channel, (items, condition) = read_endpoint(org, members), _events(members)
    hook.name = _name(org, members, hook)
    hook.channel, hook.items, hook.filter = channel, items, condition
    hook.description, hook.verified = members.get("description"), False
    hook.active = members.get("status", "ACTIVE" if hook.active else "INACTIVE") == "ACTIVE"
    hook.updated = org.clock.now()
    return web.json_response(hook.to_json(org.url))


async def delete(request: web.Request) -> web.Response:
    """Delete an inactive hook."""
    hook = _found(request)
    if hook.active:
        raise ApiError("E0000001", "The hook must be INACTIVE to be deleted")
    del request.app[ORG].event_hooks[hook.id]
    return web.Response(status=204)


async def lifecycle(request: web.Request) -> web.Response:
    """Activate, deactivate or verify."""
    org, hook, step = request.app[ORG], _found(request), request.match_info["step"]
    if step == "verify":
        if not await org.verify_event_hook(hook):
            cause = f"Unable to verify event hook. Hook {hook.name} execution failed"
            raise ApiError("E0000001", cause, summary="Api validation failed: eventHook")
    else:
        hook.active = step == "activate"
    hook.updated = org.clock.now()
    return web.json_response(hook.to_json(org.url))


def _events(members: JsonObject) -> tuple[tuple[str, ...], JsonObject | None]:
    events = members.get("events") or {}
    items = tuple(map(str, events.get("items") or ()))
    if not items or len(items) > MOST_TYPES:
        raise ApiError("E0000001", "events.items: must have from 1 to 300 types", summary="Api validation failed")
    return items, events.get("filter")


def _name(org: Org, members: JsonObject, own: EventHook | None = None) -> str:
    name = str(members.get("name") or "")
    if not name:
        raise ApiError("E0000001", "name: The field cannot be left blank", summary="Api validation failed: name")
    if any(hook.name == name and hook is not own for hook in org.event_hooks.values()):
        raise ApiError("E0000001", "name: An object with this field already exists in the current organization")
    return name


def _found(request: web.Request) -> EventHook:
    org: Org = request.app[ORG]
    hook = org.event_hooks.get(request.match_info["hook"])
    if hook is None:
        raise ApiError("E0000007", summary=f"Not found: Resource not found: {request.match_info['hook']} (EventHook)")
    return hook

"""`/api/v1/hook-keys`: the keys with which Okta authenticates to a token endpoint for a hook."""

from aiohttp import web

from simulator.api.authn import read_json
from simulator.api.errors import ApiError
from simulator.channel import JsonObject
from simulator.clients import Key
from simulator.ids import okta_time
from simulator.keys import ORG


async def create(request: web.Request) -> web.Response:
    """Create a key; only its public half is shown."""
    org, members = request.app[ORG], await read_json(request)
    own = org.hook_key()
    key = org.hook_keys[own]
    now = okta_time(org.clock.now())
    shown: JsonObject = {"id": own, "keyId": key.kid, "name": str(members.get("name") or ""), "isUsed": "false"}
    return web.json_response(shown | {"created": now, "lastUpdated": now, "_embedded": key.public_jwk()})


async def public(request: web.Request) -> web.Response:
    """Return a public key by its key id."""
    return web.json_response(_found(request).public_jwk())


def _found(request: web.Request) -> Key:
    wanted = request.match_info["key"]
    for key in request.app[ORG].hook_keys.values():
        if key.kid == wanted:
            return key
    raise ApiError("E0000007", summary=f"Not found: Resource not found: {wanted} (HookKey)")

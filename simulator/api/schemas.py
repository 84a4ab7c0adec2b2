"""`/api/v1/meta`: the parts of the user schema and the user types that provisioning reads."""

from aiohttp import web

from simulator.api.errors import ApiError
from simulator.channel import JsonObject
from simulator.keys import ORG
from simulator.org import Org
from simulator.user import BASE_ATTRIBUTES

REQUIRED = ("login", "email")
LENGTHS = {"login": (5, 100), "firstName": (1, 50), "lastName": (1, 50)}


async def schema(request: web.Request) -> web.Response:
    """Return the schema of a user type; the default type's is named `default`."""
    org, asked = request.app[ORG], request.match_info["schema"]
    known = {"default": "default", **{f"osc{name}": name for name in org.user_types}}
    if asked not in known:
        raise ApiError("E0000007", summary=f"Not found: Resource not found: {asked} (UserSchema)")
    return web.json_response(_schema(org, known[asked]))


async def types(request: web.Request) -> web.Response:
    """List the user types, each with a link to its schema."""
    org = request.app[ORG]
    return web.json_response(
        [
            {
                "id": f"oty{name}",
                "name": name,
                "default": name == "default",
                "_links": {"schema": {"href": f"{org.url}/api/v1/meta/schemas/user/osc{name}"}},
            }
            for name in org.user_types
        ]
    )


def _schema(org: Org, user_type: str) -> JsonObject:
    custom = org.attribute_types | org.user_types.get(user_type, {})
    for name in org.attributes - BASE_ATTRIBUTES - custom.keys():
        custom[name] = {"title": name, "type": "string"}
    base = {name: {"title": name, "type": "string"} | _lengths(name) for name in sorted(BASE_ATTRIBUTES)}
    return {
        "id": f"{org.url}/meta/schemas/user/{user_type}",
        "name": "user",
        "type": "object",
        "definitions": {
            "base": {"id": "#base", "type": "object", "properties": base, "required": list(REQUIRED)},
            "custom": {"id": "#custom", "type": "object", "properties": custom, "required": []},
        },
    }


def _lengths(name: str) -> JsonObject:
    return {"minLength": LENGTHS[name][0], "maxLength": LENGTHS[name][1]} if name in LENGTHS else {}

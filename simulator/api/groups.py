"""The parts of `/api/v1/groups` that provisioning uses: creating and finding groups, and adding users."""

from aiohttp import web

from simulator.api.authn import read_json
from simulator.api.errors import ApiError
from simulator.api.paging import limit_of, listed
from simulator.api.user_json import user_json
from simulator.api.users import found
from simulator.channel import JsonObject
from simulator.ids import okta_time
from simulator.keys import ORG
from simulator.org import Org


async def create(request: web.Request) -> web.Response:
    """Create a group; its name is unique."""
    org, members = request.app[ORG], await read_json(request)
    profile = dict(members.get("profile") or {})
    name = str(profile.get("name") or "")
    if not name:
        raise ApiError("E0000001", "name: The field cannot be left blank", summary="Api validation failed: name")
    if any(group["profile"]["name"] == name for group in org.groups.values()):
        raise ApiError("E0000001", "name: An object with this field already exists in the current organization")
    now = okta_time(org.clock.now())
    group: JsonObject = {"id": org.ids.okta("00g"), "created": now, "lastUpdated": now, "type": "OKTA_GROUP"}
    group |= {"lastMembershipUpdated": now, "objectClass": ["okta:user_group"]}
    group["profile"] = {"name": name, "description": profile.get("description")}
    org.groups[group["id"]] = group
    return web.json_response(group)


async def list_groups(request: web.Request) -> web.Response:
    """List the groups whose name begins with `q`."""
    wanted = request.query.get("q", "").casefold()
    groups = request.app[ORG].groups.values()
    return listed(request, [group for group in groups if group["profile"]["name"].casefold().startswith(wanted)], None)


async def get(request: web.Request) -> web.Response:
    """Return a group."""
    return web.json_response(_found(request))


async def add_user(request: web.Request) -> web.Response:
    """Add a user to a group; repeating it changes nothing."""
    org, group, user = request.app[ORG], _found(request), found(request)
    user.groups.add(group["id"])
    org.log_about(user, "group.user_membership.add", "Add user to group membership")
    return web.Response(status=204)


async def remove_user(request: web.Request) -> web.Response:
    """Remove a user from a group."""
    group, user = _found(request), found(request)
    user.groups.discard(group["id"])
    return web.Response(status=204)


async def members(request: web.Request) -> web.Response:
    """List the users of a group."""
    org, group = request.app[ORG], _found(request)
    limit, after = limit_of(request, default=1000, most=1000), request.query.get("after", "")
    inside = (user for user in org.users if group["id"] in user.groups and user.id > after)
    users = sorted(inside, key=lambda user: user.id)
    cursor = users[limit - 1].id if len(users) > limit else None
    return listed(request, [user_json(user, org.url) for user in users[:limit]], cursor)


def _found(request: web.Request) -> JsonObject:
    org: Org = request.app[ORG]
    group = org.groups.get(request.match_info["group"])
    if group is None:
        raise ApiError("E0000007", summary=f"Not found: Resource not found: {request.match_info['group']} (UserGroup)")
    return group

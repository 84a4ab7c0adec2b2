"""`/api/v1/users`: create, get, list, update, delete."""

from aiohttp import web

from simulator.api.authn import read_json
from simulator.api.credentials import apply_credentials
from simulator.api.errors import ApiError
from simulator.api.profiles import check_profile
from simulator.api.user_json import user_json
from simulator.keys import ORG
from simulator.org import Org
from simulator.user import Status, User
from simulator.users import LoginTaken

MOST_GROUPS = 20


async def create(request: web.Request) -> web.Response:
    """Create a user, active by default."""
    org, members = request.app[ORG], await read_json(request)
    profile = dict(members.get("profile") or {})
    check_profile(org, profile)
    groups = _groups(org, members.get("groupIds") or [])
    now = org.clock.now()
    user = User(org.ids.okta("00u"), profile, now, now, status=Status.STAGED, groups=groups)
    apply_credentials(org, user, members.get("credentials"), creating=True)
    _add(org, user)
    org.log_about(user, "user.lifecycle.create", "Create Okta user")
    if request.query.get("activate", "true") != "false":
        activate(org, user)
    return web.json_response(user_json(user, org.url))


async def get(request: web.Request) -> web.Response:
    """Return a user by id or login."""
    return web.json_response(user_json(found(request), request.app[ORG].url))


async def update(request: web.Request) -> web.Response:
    """Change the given members (POST), or replace the whole profile (PUT)."""
    org, user, members = request.app[ORG], found(request), await read_json(request)
    given = dict(members.get("profile") or {})
    profile = given if request.method == "PUT" and given else user.profile | given
    check_profile(org, profile)
    if org.users.get(str(profile["login"])) not in (None, user):
        raise _duplicate()
    apply_credentials(org, user, members.get("credentials"), creating=False)
    org.users.rename(user, str(profile["login"]))
    if given:
        user.profile = profile
        org.log_about(user, "user.account.update_profile", "Update user profile for Okta")
    user.updated = org.clock.now()
    return web.json_response(user_json(user, org.url))


async def delete(request: web.Request) -> web.Response:
    """Deactivate a user; delete one that is already deactivated."""
    org, user = request.app[ORG], found(request)
    if user.status is Status.DEPROVISIONED:
        org.users.remove(user)
        org.log_about(user, "user.lifecycle.delete.initiated", "Delete Okta user initiated")
    else:
        org.change_status(user, Status.DEPROVISIONED)
        org.log_about(user, "user.lifecycle.deactivate", "Deactivate Okta user")
    return web.Response(status=204)


def activate(org: Org, user: User) -> None:
    """Activate a user; one without a password is only provisioned, and would get an e-mail."""
    org.change_status(user, Status.ACTIVE if user.password_hook or user.password else Status.PROVISIONED)
    user.activated = user.status_changed
    org.log_about(user, "user.lifecycle.activate", "Activate Okta user")


def found(request: web.Request) -> User:
    """Return the user that the path names. Raises `ApiError`."""
    name = request.match_info["user"]
    user = request.app[ORG].users.get(name)
    if user is None:
        raise ApiError("E0000007", summary=f"Not found: Resource not found: {name} (User)")
    return user


def _add(org: Org, user: User) -> None:
    try:
        org.users.add(user)
    except LoginTaken:
        raise _duplicate() from None


def _duplicate() -> ApiError:
    return ApiError("E0000001", str(LoginTaken.__doc__))


def _groups(org: Org, wanted: list[str]) -> set[str]:
    if len(wanted) > MOST_GROUPS:
        raise ApiError("E0000093", summary="Target count limit exceeded")
    if unknown := [group for group in wanted if group not in org.groups]:
        raise ApiError("E0000007", summary=f"Not found: Resource not found: {unknown[0]} (Group)")
    return set(wanted)

"""`/api/v1/users/{id}/lifecycle/…` and the change of a password: transitions of a user's status."""

from aiohttp import web

from simulator.api.authn import read_json
from simulator.api.credentials import apply_credentials
from simulator.api.errors import ApiError
from simulator.api.user_json import user_json
from simulator.api.users import activate, found
from simulator.keys import ORG
from simulator.org import Org
from simulator.user import Status, User

STEPS: dict[str, tuple[frozenset[Status], Status, str]] = {
    "deactivate": (frozenset(Status) - {Status.DEPROVISIONED}, Status.DEPROVISIONED, "user.lifecycle.deactivate"),
    "suspend": (frozenset({Status.ACTIVE}), Status.SUSPENDED, "user.lifecycle.suspend"),
    "unsuspend": (frozenset({Status.SUSPENDED}), Status.ACTIVE, "user.lifecycle.unsuspend"),
    "unlock": (frozenset({Status.LOCKED_OUT}), Status.ACTIVE, "user.account.unlock_by_admin"),
}
"""The initial statuses, the new status, and the event of each transition."""


async def step(request: web.Request) -> web.Response:
    """Perform one transition; 400 if the user's status does not allow it."""
    org, user, name = request.app[ORG], found(request), request.match_info["step"]
    if name == "activate":
        return _activate(org, user)
    if name == "reset_password":
        return _reset(org, user)
    if name == "expire_password":
        org.change_status(user, Status.PASSWORD_EXPIRED)
        org.log_about(user, "user.account.expire_password", "Expire user password for Okta")
        return web.json_response(user_json(user, org.url))
    if name not in STEPS:
        raise ApiError("E0000022")
    allowed, status, event = STEPS[name]
    if user.status not in allowed:
        raise ApiError("E0000001", f"Cannot {name} a user whose status is {user.status}")
    org.change_status(user, status)
    org.log_about(user, event, f"{name.capitalize()} Okta user")
    return web.json_response({})


async def change_password(request: web.Request) -> web.Response:
    """Change a password, given the old one."""
    org, user, members = request.app[ORG], found(request), await read_json(request)
    old = str((members.get("oldPassword") or {}).get("value", ""))
    if user.password is None or not user.password.matches(old):
        raise ApiError("E0000014", "Old Password is not correct", summary="Update of credentials failed")
    apply_credentials(org, user, {"password": members.get("newPassword")}, creating=False)
    return web.json_response({"password": {}, "provider": {"type": user.provider, "name": user.provider}})


def _activate(org: Org, user: User) -> web.Response:
    if user.status not in (Status.STAGED, Status.DEPROVISIONED):
        raise ApiError("E0000016")
    activate(org, user)
    return web.json_response({})


def _reset(org: Org, user: User) -> web.Response:
    # The user leaves IMPORT without any `user.import.password` event.
    org.reset_password(user)
    return web.json_response({"resetPasswordUrl": f"{org.url}/reset_password/{org.ids.token(20)}"})

"""A user as returned by Okta's API."""

from simulator.channel import JsonObject
from simulator.ids import okta_time
from simulator.user import Status, User

LINKS = {
    Status.STAGED: ("activate",),
    Status.PROVISIONED: ("reactivate", "deactivate"),
    Status.SUSPENDED: ("unsuspend", "deactivate"),
    Status.DEPROVISIONED: ("activate", "delete"),
    Status.LOCKED_OUT: ("unlock", "deactivate"),
}
ACTIVE_LINKS = ("suspend", "resetPassword", "expirePassword", "deactivate")
PATHS = {"resetPassword": "reset_password", "expirePassword": "expire_password"}


def user_json(user: User, base: str) -> JsonObject:
    """Return a user as JSON; any password is an empty object."""
    times = {
        "created": user.created,
        "activated": user.activated,
        "statusChanged": user.status_changed,
        "lastLogin": user.last_login,
        "lastUpdated": user.updated,
        "passwordChanged": user.password_changed,
    }
    credentials: JsonObject = {"provider": {"type": user.provider, "name": user.provider}}
    if user.password_hook or user.password:
        credentials = {"password": {}} | credentials
    return {
        "id": user.id,
        "status": user.status.value,
        **{name: okta_time(moment) if moment else None for name, moment in times.items()},
        "realmId": "guo0000000000000realm",
        "type": {"id": "oty0000000000000type"},
        "profile": {"mobilePhone": None, "secondEmail": None} | user.profile,
        "credentials": credentials,
        "_links": _links(user, f"{base}/api/v1/users/{user.id}"),
    }


def _links(user: User, own: str) -> JsonObject:
    links: JsonObject = {"self": {"href": own}}
    for name in LINKS.get(user.status, ACTIVE_LINKS):
        href = own if name == "delete" else f"{own}/lifecycle/{PATHS.get(name, name)}"
        links[name] = {"href": href, "method": "DELETE" if name == "delete" else "POST"}
    return links

"""Users on the wire of Okta's API: the request that creates one, and the fields read from one.

https://developer.okta.com/docs/api/openapi/okta-management/management/tag/User/
"""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import UTC, datetime
from typing import Any

from service.immutable import immutable
from service.okta.errors import MalformedAnswer
from service.okta.parsing import is_storable, member, text_member

HOOK: Mapping[str, Any] = {"hook": {"type": "default"}}
"""`credentials.password` of a user whose first sign-in calls the password import hook."""
IMPORT = "IMPORT"
"""`credentials.provider.type` until an imported password is stored."""
OWN = "OKTA"
"""`credentials.provider.type` once Okta has a password of its own: imported, reset or changed."""
MAX_GROUPS = 20


class Status(enum.StrEnum):
    """The user statuses that this service uses; Okta has more."""

    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"
    LOCKED_OUT = "LOCKED_OUT"
    DEPROVISIONED = "DEPROVISIONED"


@immutable
class OktaUser:
    """A user as returned by Okta's API."""

    id: str
    login: str
    status: str
    provider: str | None
    created: datetime | None
    status_changed: datetime | None
    password_changed: datetime | None
    profile: Mapping[str, Any] = field(repr=False)
    updated: datetime | None = None
    """`lastUpdated`: the last change of the profile, the status or the credentials."""


def new_user(profile: Mapping[str, Any], password: Mapping[str, Any], groups: Sequence[str] = ()) -> dict[str, Any]:
    """Return the request body that creates a user. `password` is `HOOK`, `{"hash": …}` or `{"value": …}`."""
    body: dict[str, Any] = {"profile": dict(profile), "credentials": {"password": dict(password)}}
    return body | ({"groupIds": list(groups)} if groups else {})


def read_user(value: object) -> OktaUser:
    """Parse a user. Raises `MalformedAnswer` if it has no id or no login."""
    own, login = text_member(value, "id"), text_member(value, "profile", "login")
    profile = member(value, "profile")
    if not own or not login or not is_storable(own + login) or not isinstance(profile, dict):
        raise MalformedAnswer("Okta answered with a user that has no id or login")
    return OktaUser(
        id=own,
        login=login,
        status=text_member(value, "status") or "",
        provider=text_member(value, "credentials", "provider", "type"),
        created=read_time(text_member(value, "created")),
        status_changed=read_time(text_member(value, "statusChanged")),
        password_changed=read_time(text_member(value, "passwordChanged")),
        profile=profile,
        updated=read_time(text_member(value, "lastUpdated")),
    )


def read_users(value: object) -> list[OktaUser]:
    """Parse a page of users. Raises `MalformedAnswer`."""
    if not isinstance(value, list):
        raise MalformedAnswer("Okta's answer is not a list of users")
    return [read_user(item) for item in value]


def read_time(text: str | None) -> datetime | None:
    """Parse one of Okta's times (ISO 8601 with a zone); return None if there is none."""
    try:
        moment = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    return None if moment is None or moment.tzinfo is None else moment.astimezone(UTC)

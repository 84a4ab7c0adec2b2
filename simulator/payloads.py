"""The bodies that Okta sends to inline and event hooks, from values."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from simulator.channel import JsonObject
from simulator.hooks import HookType
from simulator.ids import okta_time


@dataclass(frozen=True)
class Caused:
    """The request at Okta that causes a call: the person's own, with the person's address."""

    request_id: str
    path: str
    ip: str

    def to_json(self) -> JsonObject:
        """Return it as `data.context.request`."""
        return {"id": self.request_id, "method": "POST", "url": {"value": self.path}, "ipAddress": self.ip}


def inline(kind: HookType, event_id: str, now: datetime, source: str) -> JsonObject:
    """Return an inline hook's common members. The versions are strings, although numbers in some of Okta's examples."""
    return {
        "eventId": event_id,
        "eventTime": okta_time(now.replace(microsecond=0)),
        "eventType": kind.value,
        "eventTypeVersion": "1.0",
        "contentType": "application/json",
        "cloudEventVersion": "0.1",
        "source": source,
    }


def password_import(base: JsonObject, caused: Caused, username: str, password: str) -> JsonObject:
    """Return the body of a password import call; the name is as the person typed it."""
    credential = {"username": username, "password": password}
    context = {"request": caused.to_json(), "credential": credential}
    return base | {"data": {"context": context, "action": {"credential": "UNVERIFIED"}}}


def self_service(base: JsonObject, caused: Caused, profile: JsonObject) -> JsonObject:
    """Return the body for a registration (Identity Engine)."""
    data = {"context": {"request": caused.to_json()}, "userProfile": profile, "action": "ALLOW"}
    return base | {"requestType": "self.service.registration", "data": data}


def progressive(base: JsonObject, caused: Caused, user: JsonObject, update: JsonObject) -> JsonObject:
    """Return the body for a profile update (Identity Engine); `update` contains only the form's attributes."""
    context = {"request": caused.to_json(), "user": user}
    data = {"context": context, "action": "ALLOW", "userProfileUpdate": update}
    return base | {"requestType": "progressive.profile", "data": data}


def classic(base: JsonObject, caused: Caused, profile: JsonObject) -> JsonObject:
    """Return the body for a registration (Classic Engine): no `requestType`, and a null action."""
    return base | {"data": {"context": {"request": caused.to_json()}, "userProfile": profile, "action": None}}


def delivery(hook_url: str, event_id: str, now: datetime, events: Sequence[JsonObject]) -> JsonObject:
    """Wrap log events for an event hook; here the member is spelt `cloudEventsVersion`."""
    return {
        "eventType": "com.okta.event_hook",
        "eventTypeVersion": "1.0",
        "cloudEventsVersion": "0.1",
        "source": hook_url,
        "eventId": event_id,
        "data": {"events": list(events)},
        "eventTime": okta_time(now),
        "contentType": "application/json",
    }

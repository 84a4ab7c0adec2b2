"""The hooks of an org as values."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from simulator.channel import Channel, JsonObject
from simulator.ids import okta_time

IMPORT_EVENT = "user.import.password"


class HookType(StrEnum):
    """The inline hook types that the simulator calls."""

    PASSWORD_IMPORT = "com.okta.user.credential.password.import"  # noqa: S105 - Okta's name of a hook, not a password
    REGISTRATION = "com.okta.user.pre-registration"


@dataclass
class InlineHook:
    """An inline hook. Okta calls it while it is ACTIVE."""

    id: str
    name: str
    type: str
    channel: Channel
    created: datetime
    updated: datetime
    version: str = "1.0.0"
    active: bool = True

    def to_json(self, base: str) -> JsonObject:
        """Return it as `GET /api/v1/inlineHooks/{id}` does."""
        return {
            "id": self.id,
            "status": "ACTIVE" if self.active else "INACTIVE",
            "name": self.name,
            "type": self.type,
            "version": self.version,
            "channel": self.channel.to_json(),
            "created": okta_time(self.created),
            "lastUpdated": okta_time(self.updated),
            "_links": self._links(f"{base}/api/v1/inlineHooks/{self.id}"),
        }

    def _links(self, own: str) -> JsonObject:
        # The links depend on the state: an active hook can be executed and deactivated, an inactive one deleted.
        if self.active:
            return {
                "self": {"href": own},
                "execute": _link(f"{own}/execute"),
                "deactivate": _lifecycle(own, "deactivate"),
            }
        return {
            "activate": _lifecycle(own, "activate"),
            "self": {"href": own},
            "delete": _link(own, "DELETE"),
        }


@dataclass
class EventHook:
    """An event hook. It gets events while it is ACTIVE and VERIFIED; changing the channel un-verifies it."""

    id: str
    name: str
    channel: Channel
    items: tuple[str, ...]
    created: datetime
    updated: datetime
    created_by: str
    description: str | None = None
    filter: JsonObject | None = None
    active: bool = True
    verified: bool = False
    listens_from: datetime | None = field(default=None)

    def wants(self, event_type: str, now: datetime) -> bool:
        """Return whether an event of this type is delivered to this hook now."""
        listening = self.listens_from is None or self.listens_from <= now
        return self.active and self.verified and listening and event_type in self.items

    def to_json(self, base: str) -> JsonObject:
        """Return it as `GET /api/v1/eventHooks/{id}` does."""
        own = f"{base}/api/v1/eventHooks/{self.id}"
        state = "deactivate" if self.active else "activate"
        return {
            "id": self.id,
            "status": "ACTIVE" if self.active else "INACTIVE",
            "verificationStatus": "VERIFIED" if self.verified else "UNVERIFIED",
            "name": self.name,
            "description": self.description,
            "created": okta_time(self.created),
            "createdBy": self.created_by,
            "lastUpdated": okta_time(self.updated),
            "events": {"type": "EVENT_TYPE", "items": list(self.items), "filter": self.filter},
            "channel": self.channel.to_json(),
            "_links": {
                "self": {"href": own},
                "verify": _lifecycle(own, "verify"),
                state: _lifecycle(own, state),
            },
        }


def _lifecycle(own: str, step: str) -> JsonObject:
    return _link(f"{own}/lifecycle/{step}")


def _link(href: str, method: str = "POST") -> JsonObject:
    return {"href": href, "hints": {"allow": [method]}}

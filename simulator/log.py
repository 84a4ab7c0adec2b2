"""The org's System Log: events in the order in which they were persisted."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from simulator.channel import JsonObject
from simulator.ids import Clock, Ids, okta_time
from simulator.payloads import Caused
from simulator.user import User

PLACE = {
    "city": "Toronto",
    "state": "Ontario",
    "country": "Canada",
    "postalCode": "M4M",
    "geolocation": {"lat": 43.6567, "lon": -79.34},
}
AGENT = {"rawUserAgent": "Mozilla/5.0 (X11; Linux x86_64; rv:131.0)", "os": "Linux", "browser": "FIREFOX"}
SYSTEM = {
    "id": "system",
    "type": "SystemPrincipal",
    "alternateId": "system@okta.com",
    "displayName": "Okta System",
}


@dataclass(frozen=True)
class Record:
    """A log event: `published` is when it happened, `persisted` when the log could first show it."""

    published: datetime
    persisted: datetime
    event: JsonObject = field(repr=False)

    @property
    def type(self) -> str:
        """The event's type, such as `user.import.password`."""
        return str(self.event["eventType"])

    def delivered(self) -> JsonObject:
        """Return it as sent to event hooks: the addresses under `client`, the version a string."""
        event = dict(self.event)
        event["client"] = event["client"] | {"ipChain": event.pop("request")["ipChain"]}
        return event | {"insertionTimestamp": None}


class SystemLog:
    """The log, and the `listeners` that are called with each new record."""

    def __init__(self, ids: Ids, clock: Clock) -> None:
        self.records: list[Record] = []
        self.epoch = 0
        """Cursors of another epoch are invalid; increment it to invalidate them all."""
        self._visible: list[Record] = []
        self._seen = 0
        self._delayed: list[Record] = []
        self.listeners: list[Callable[[Record], None]] = []
        self._ids = ids
        self._clock = clock

    def visible(self) -> list[Record]:
        """Return the current log in the order of persistence: it only grows at the end."""
        self._delayed += self.records[self._seen :]
        self._seen = len(self.records)
        now = self._clock.now()
        due = [record for record in self._delayed if record.persisted <= now]
        self._visible += sorted(due, key=lambda record: record.persisted)
        self._delayed = [record for record in self._delayed if record.persisted > now]
        return self._visible

    def add(  # noqa: PLR0913 - an event has that many parts
        self,
        event_type: str,
        message: str,
        caused: Caused,
        *,
        actor: JsonObject,
        targets: list[JsonObject],
        result: str = "SUCCESS",
        reason: str | None = None,
        debug: dict[str, Any] | None = None,
        delay: float = 0.0,
    ) -> Record:
        """Record an event. `delay` (seconds) keeps it out of the log, but not from the event hooks."""
        now = self._clock.now()
        event = _skeleton(caused) | {
            "uuid": self._ids.uuid(),
            "published": okta_time(now),
            "eventType": event_type,
            "displayMessage": message,
            "severity": "INFO" if result == "SUCCESS" else "WARN",
            "actor": actor | {"detailEntry": None},
            "outcome": {"result": result, "reason": reason},
            "target": [target | {"detailEntry": target.get("detailEntry")} for target in targets],
        }
        event["debugContext"]["debugData"] |= debug or {}
        record = Record(now, now + timedelta(seconds=delay), event)
        self.records.append(record)
        for listener in self.listeners:
            listener(record)
        return record


def user_block(user: User) -> JsonObject:
    """Return a user as the actor or a target of an event."""
    return {"id": user.id, "type": "User", "alternateId": user.login, "displayName": user.display_name}


def _skeleton(caused: Caused) -> JsonObject:
    chain = [{"ip": caused.ip, "geographicalContext": PLACE, "version": "V4", "source": None}]
    debug = {"requestId": caused.request_id, "requestUri": caused.path, "url": f"{caused.path}?"}
    return {
        "version": "0",
        # "null" as a string is from Okta: it is in both of its samples.
        "client": {
            "userAgent": AGENT,
            "zone": "null",
            "device": "Computer",
            "id": None,
            "ipAddress": caused.ip,
            "geographicalContext": PLACE,
        },
        "device": None,
        "transaction": {"type": "WEB", "id": caused.request_id, "detail": {}},
        "debugContext": {"debugData": debug},
        "legacyEventType": None,
        "authenticationContext": {
            "authenticationProvider": None,
            "credentialProvider": None,
            "credentialType": None,
            "issuer": None,
            "authenticationStep": 0,
            "externalSessionId": f"idx{caused.request_id}",
            "interface": None,
        },
        "securityContext": {"asNumber": None, "asOrg": None, "isp": None, "domain": None, "isProxy": None},
        "request": {"ipChain": chain},
    }

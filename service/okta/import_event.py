"""One import event of Okta's: decoded JSON to a value, or why not. Knows no delivery and no account.

The schema is LogEvent of Okta's OpenAPI document, which Okta's own samples break with nulls; only the members read here
have to be what they say.
"""

import enum
import hashlib
import json
from datetime import UTC, datetime

from service.immutable import immutable
from service.okta.body import is_storable, member, text_member
from service.okta.password_import import trace

IMPORT_EVENT = "user.import.password"
SUCCESS = "SUCCESS"
MAX_TEXT = 1024
"""Bytes in UTF-8 of any text that is kept of an event; Okta's reasons end at 255. An index's row ends at 2,704."""


class Fault(enum.StrEnum):
    """Why something that an authenticated caller sent could not be read as import events."""

    NOT_JSON = "not_json"
    NO_EVENTS = "no_events"
    NOT_AN_OBJECT = "not_an_object"
    NO_OUTCOME = "no_outcome"
    NO_USER = "no_user"
    NOT_TEXT = "not_text"
    TOO_MANY_FAULTS = "too_many_faults"


@immutable
class ImportEvent:
    """Okta's report that a password was stored, or was not."""

    uuid: str
    user_id: str | None
    login: str | None
    outcome: str
    reason: str | None
    published: datetime | None
    transaction_id: str | None

    @property
    def is_success(self) -> bool:
        """Tell whether Okta has stored the password: exactly SUCCESS, no other word of the enumeration."""
        return self.outcome == SUCCESS


def read_event(item: object) -> ImportEvent | Fault:
    """Read one `user.import.password` event, or say why not."""
    if not isinstance(item, dict) or item.get("eventType") != IMPORT_EVENT:
        return Fault.NOT_AN_OBJECT
    outcome = text_member(item, "outcome", "result")
    if not outcome:
        return Fault.NO_OUTCOME
    user = _user(item)
    user_id, login = text_member(user, "id"), text_member(user, "alternateId")
    if not user_id and not login:
        return Fault.NO_USER
    transaction_id = trace(text_member(item, "transaction", "id"))
    uuid = text_member(item, "uuid") or "sha256:" + hashlib.sha256(as_bytes(item)).hexdigest()
    kept = (uuid, user_id, login, outcome)
    if not all(is_storable(text) and len(text.encode()) <= MAX_TEXT for text in kept if text):
        return Fault.NOT_TEXT
    published = _time(text_member(item, "published"))
    return ImportEvent(uuid, user_id or None, login or None, outcome, _reason(item), published, transaction_id)


def _user(item: dict[str, object]) -> object:
    """Find the User among the targets, wherever it stands; the actor only where he is a User and no target is."""
    targets = member(item, "target")
    for target in targets if isinstance(targets, list) else []:
        if text_member(target, "type") == "User":
            return target
    actor = member(item, "actor")
    return actor if text_member(actor, "type") == "User" else None


def _reason(item: dict[str, object]) -> str | None:
    reason = text_member(item, "outcome", "reason")
    # A reason is for people: what PostgreSQL can't hold of it is not worth the event.
    return reason[:MAX_TEXT] if reason and is_storable(reason) else None


def _time(text: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text) if text else None
        return None if moment is None or moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def as_bytes(item: object) -> bytes:
    """Give an event's bytes, by which it is told from others."""
    # Sorted, so that the same event has the same digest whatever channel it comes by; escaped, so that it is bytes.
    return json.dumps(item, sort_keys=True).encode("ascii")

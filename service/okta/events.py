"""Deliveries of the event hook and pages of the System Log: bytes to import events.

A delivery is never rejected for its content: a 4xx would lose it, because Okta does not send it again.
https://developer.okta.com/docs/concepts/event-hooks/
"""

import enum
import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import field, replace
from datetime import UTC, datetime

from service.immutable import immutable
from service.okta.parsing import (
    MalformedCall,
    is_storable,
    member,
    parse_int,
    refuse_constant,
    text_member,
)
from service.okta.password_import import trace

# A reader of large JSON texts (RFC 8259), one member or item at a time: `json` decodes each value, and only the
# enclosing containers are parsed here.

_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder(parse_constant=refuse_constant, parse_int=parse_int)


class Cursor:
    """A position in a JSON text. Every method raises `ValueError` if the text at it is not valid JSON."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def peek(self) -> str:
        """Return the first character of the next value; empty at the end."""
        self._at = _SPACE.match(self._text, self._at).end()  # type: ignore[union-attr]  # it matches the empty text too
        return self._text[self._at : self._at + 1]

    def value(self) -> object:
        """Decode the next value and advance past it."""
        self.peek()
        value, self._at = _DECODER.raw_decode(self._text, self._at)
        return value

    def members(self) -> Iterator[str]:
        """Enter an object and yield its names; the caller must consume each value."""
        for _ in self._inside("{", "}"):
            name = self.value()
            if not isinstance(name, str):
                raise ValueError("a name is missing")  # noqa: TRY004 (the text is wrong, not an argument)
            self._pass(":")
            yield name

    def items(self) -> Iterator[object]:
        """Enter an array and yield its items, decoded."""
        for _ in self._inside("[", "]"):
            yield self.value()

    def end(self) -> None:
        """Raise `ValueError` unless this is the end of the text."""
        if self.peek():
            raise ValueError("extra data after the value")

    def _inside(self, opening: str, closing: str) -> Iterator[None]:
        self._pass(opening)
        if self.peek() == closing:
            self._pass(closing)
            return
        while True:
            yield
            if self.peek() == closing:
                self._pass(closing)
                return
            self._pass(",")

    def _pass(self, character: str) -> None:
        if self.peek() != character:
            raise ValueError(f"{character} is missing")
        self._at += 1


# One import event: decoded JSON to a value, or the fault.
#
# The schema is LogEvent of Okta's OpenAPI document. Okta's own samples violate it with nulls, so only the members read
# here are validated.

IMPORT_EVENT = "user.import.password"
SUCCESS = "SUCCESS"
MAX_TEXT = 1024
"""Maximum bytes in UTF-8 of each text kept of an event; Okta's reasons end at 255, an index row at 2,704."""


class Fault(enum.StrEnum):
    """Why content from an authenticated caller could not be parsed as import events."""

    NOT_JSON = "not_json"
    NO_EVENTS = "no_events"
    NOT_AN_OBJECT = "not_an_object"
    NO_OUTCOME = "no_outcome"
    NO_USER = "no_user"
    NOT_TEXT = "not_text"
    TOO_MANY_FAULTS = "too_many_faults"


@immutable
class ImportEvent:
    """Okta's report that a password was stored, or that storing it failed."""

    uuid: str
    user_id: str | None
    login: str | None
    outcome: str
    reason: str | None
    published: datetime | None
    transaction_id: str | None

    @property
    def is_success(self) -> bool:
        """Return whether Okta has stored the password: exactly SUCCESS, no other value of the enumeration."""
        return self.outcome == SUCCESS


def read_event(item: object) -> ImportEvent | Fault:
    """Parse one `user.import.password` event, or return the fault."""
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
    """Return the User among the targets, at any position; the actor only if it is a User and no target is."""
    targets = member(item, "target")
    for target in targets if isinstance(targets, list) else []:
        if text_member(target, "type") == "User":
            return target
    actor = member(item, "actor")
    return actor if text_member(actor, "type") == "User" else None


def _reason(item: dict[str, object]) -> str | None:
    reason = text_member(item, "outcome", "reason")
    # The reason is informational: an unstorable one is dropped and the event kept.
    return reason[:MAX_TEXT] if reason and is_storable(reason) else None


def _time(text: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text) if text else None
        return None if moment is None or moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def as_bytes(item: object) -> bytes:
    """Return an event's canonical bytes, which identify it."""
    # Sorted, so that the same event has the same digest on every channel; escaped, so that it is ASCII.
    return json.dumps(item, sort_keys=True).encode("ascii")


# The one-time verification of an event hook: a header to a JSON object.
#
# https://developer.okta.com/docs/concepts/event-hooks/#one-time-verification-request

CHALLENGE_HEADER = "x-okta-verification-challenge"
MAX_CHALLENGE = 512
"""Characters. Okta's challenges have about 50; a limit prevents amplification attacks."""


def answer_challenge(values: list[str]) -> bytes:
    """Return the challenge as JSON. Raises `MalformedCall` if it is missing, repeated, too long or not ASCII."""
    if len(values) != 1 or not values[0]:
        raise MalformedCall("challenge_missing", f"exactly one header {CHALLENGE_HEADER} is needed")
    challenge = values[0]
    if len(challenge) > MAX_CHALLENGE:
        raise MalformedCall("challenge_too_long", f"the challenge is longer than {MAX_CHALLENGE} characters")
    if not all("!" <= character <= "~" for character in challenge):
        raise MalformedCall("challenge_not_ascii", "the challenge must be visible ASCII")
    return json.dumps({"verification": challenge}).encode()


MAX_UNREADABLE = 100
"""If a delivery has more unreadable events than this, the whole delivery is kept once instead."""
_EPOCH = datetime.fromtimestamp(0, UTC)


@immutable
class Unreadable:
    """Content that could not be parsed, as bytes, and the fault."""

    fault: Fault
    body: bytes = field(repr=False)

    @property
    def digest(self) -> bytes:
        """Return the digest of the bytes, so that equal ones are kept once."""
        return hashlib.sha256(self.body).digest()


@immutable
class Delivery:
    """The content of a delivery: import events in the order of `published`, foreign ones, and unreadable ones."""

    delivery_id: str | None
    events: tuple[ImportEvent, ...]
    foreign: int
    unreadable: tuple[Unreadable, ...]


def parse_delivery(body: bytes | bytearray) -> Delivery:
    """Parse the body of an event delivery. Never raises: unreadable content is returned as bytes."""
    reader = DeliveryReader()
    try:
        _walk(Cursor(body.decode("utf-8")), reader)
    except (ValueError, RecursionError):
        # A truncated delivery is discarded as a whole: the events parsed so far are not trusted.
        return Delivery(None, (), 0, (Unreadable(Fault.NOT_JSON, bytes(body)),))
    if not reader.has_events:
        return Delivery(reader.delivery_id, (), 0, (Unreadable(Fault.NO_EVENTS, bytes(body)),))
    delivery = reader.delivery()
    if len(delivery.unreadable) > MAX_UNREADABLE:
        return replace(delivery, unreadable=(Unreadable(Fault.TOO_MANY_FAULTS, bytes(body)),))
    return delivery


def _walk(cursor: Cursor, reader: "DeliveryReader") -> None:
    if cursor.peek() != "{":
        cursor.value()
    else:
        for name in cursor.members():
            if name == "data" and cursor.peek() == "{":
                _walk_data(cursor, reader)
            else:
                value = cursor.value()
                if name == "eventId" and isinstance(value, str):
                    reader.delivery_id = trace(value)
    cursor.end()


def _walk_data(cursor: Cursor, reader: "DeliveryReader") -> None:
    for name in cursor.members():
        if name == "events" and cursor.peek() == "[":
            reader.has_events = True
            for item in cursor.items():
                reader.take(item)
        else:
            cursor.value()


class DeliveryReader:
    """Parses log events one by one; each is an import event, an event of another type, or unreadable."""

    def __init__(self) -> None:
        self.delivery_id: str | None = None
        self.has_events = False
        self._events: dict[str, ImportEvent] = {}
        self._unreadable: list[Unreadable] = []
        self._foreign = 0

    def take(self, item: object) -> None:
        """Parse one item of `data.events`, or of a page of the System Log."""
        if (kind := text_member(item, "eventType")) and kind != IMPORT_EVENT:
            self._foreign += 1
            return
        event = read_event(item)
        if isinstance(event, ImportEvent):
            self._events.setdefault(event.uuid, event)
        elif len(self._unreadable) <= MAX_UNREADABLE:
            self._unreadable.append(Unreadable(event, as_bytes(item)))

    def delivery(self) -> Delivery:
        """Return everything parsed, in the order of `published`."""
        ordered = sorted(self._events.values(), key=lambda event: (event.published or _EPOCH, event.uuid))
        return Delivery(self.delivery_id, tuple(ordered), self._foreign, tuple(self._unreadable))


def read_events(items: Iterable[object], delivery_id: str | None = None) -> Delivery:
    """Parse log events that are already decoded from JSON."""
    reader = DeliveryReader()
    reader.delivery_id = delivery_id
    for item in items:
        reader.take(item)
    return reader.delivery()

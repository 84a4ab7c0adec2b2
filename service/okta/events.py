"""Deliveries of the event hook, and pages of the System Log: bytes to import events. Knows no account and no database.

A delivery is never refused for what is in it: a 4xx would lose it for ever, because Okta does not send it again.
https://developer.okta.com/docs/concepts/event-hooks/
"""

import hashlib
from collections.abc import Iterable
from dataclasses import field, replace
from datetime import UTC, datetime

from service.immutable import immutable
from service.okta.body import text_member
from service.okta.cursor import Cursor
from service.okta.import_event import IMPORT_EVENT, Fault, ImportEvent, as_bytes, read_event
from service.okta.password_import import trace

MAX_UNREADABLE = 100
"""Beyond so many unreadable events in one delivery, the delivery is kept as a whole, once."""
_EPOCH = datetime.fromtimestamp(0, UTC)


@immutable
class Unreadable:
    """What could not be read, as bytes, and why."""

    fault: Fault
    body: bytes = field(repr=False)

    @property
    def digest(self) -> bytes:
        """Name the bytes, so that the same ones are kept once."""
        return hashlib.sha256(self.body).digest()


@immutable
class Delivery:
    """All that a delivery held: import events in the order of `published`, foreign ones, and unreadable ones."""

    delivery_id: str | None
    events: tuple[ImportEvent, ...]
    foreign: int
    unreadable: tuple[Unreadable, ...]


def parse_delivery(body: bytes | bytearray) -> Delivery:
    """Read the body of an event delivery. Never raises: what can't be read comes back as bytes."""
    reader = DeliveryReader()
    try:
        _walk(Cursor(body.decode("utf-8")), reader)
    except (ValueError, RecursionError):
        # Half a delivery is none: what was read of it is not taken for Okta's word.
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
    """Log events as they are read, one by one: each is an import event, of another type, or unreadable."""

    def __init__(self) -> None:
        self.delivery_id: str | None = None
        self.has_events = False
        self._events: dict[str, ImportEvent] = {}
        self._unreadable: list[Unreadable] = []
        self._foreign = 0

    def take(self, item: object) -> None:
        """Take one item of `data.events`, or of a page of the System Log."""
        if (kind := text_member(item, "eventType")) and kind != IMPORT_EVENT:
            self._foreign += 1
            return
        event = read_event(item)
        if isinstance(event, ImportEvent):
            self._events.setdefault(event.uuid, event)
        elif len(self._unreadable) <= MAX_UNREADABLE:
            self._unreadable.append(Unreadable(event, as_bytes(item)))

    def delivery(self) -> Delivery:
        """Give all that was taken, in the order of `published`."""
        ordered = sorted(self._events.values(), key=lambda event: (event.published or _EPOCH, event.uuid))
        return Delivery(self.delivery_id, tuple(ordered), self._foreign, tuple(self._unreadable))


def read_events(items: Iterable[object], delivery_id: str | None = None) -> Delivery:
    """Read log events that are decoded already."""
    reader = DeliveryReader()
    reader.delivery_id = delivery_id
    for item in items:
        reader.take(item)
    return reader.delivery()

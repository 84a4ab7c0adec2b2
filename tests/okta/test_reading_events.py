"""Parsing of deliveries at their limits: repeated uuids, many faults, long texts, times, and truncated texts."""

import json
from datetime import UTC, datetime

import pytest

from service.okta.events import MAX_UNREADABLE, Fault, ImportEvent, parse_delivery
from tests.people import delivery, event


def read_one(item: object) -> ImportEvent | Fault:
    """Parse a delivery of one event."""
    read = parse_delivery(delivery(item))
    return read.events[0] if read.events else read.unreadable[0].fault


def read_event(item: object) -> ImportEvent:
    read = read_one(item)
    assert isinstance(read, ImportEvent)
    return read


def test_of_two_events_under_one_uuid_the_first_in_the_delivery_counts() -> None:
    read = parse_delivery(delivery(event("e1", "00u1", result="SUCCESS"), event("e1", "00u1", result="FAILURE")))
    assert [each.outcome for each in read.events] == ["SUCCESS"]


def test_as_many_unreadable_events_as_the_limit_are_kept_each() -> None:
    read = parse_delivery(delivery(*range(MAX_UNREADABLE)))
    assert [each.fault for each in read.unreadable] == [Fault.NOT_AN_OBJECT] * MAX_UNREADABLE


def test_one_unreadable_event_more_is_kept_as_the_whole_delivery_and_its_import_events_are_read() -> None:
    body = delivery(*range(MAX_UNREADABLE + 1), event("e1", "00u1"), {"eventType": "user.session.start"})
    read = parse_delivery(body)
    assert [(each.fault, each.body) for each in read.unreadable] == [(Fault.TOO_MANY_FAULTS, body)]
    assert ([each.uuid for each in read.events], read.foreign) == (["e1"], 1)
    assert read.delivery_id == "11111111-1111-4111-8111-111111111111"


def test_events_come_in_the_order_of_published_whatever_their_uuids() -> None:
    later = event("a", "00u1", published="2026-11-22T11:00:00.000Z")
    earlier = event("b", "00u1", published="2026-11-22T10:00:00.000Z")
    assert [each.uuid for each in parse_delivery(delivery(later, earlier)).events] == ["b", "a"]


def test_an_event_without_uuid_has_the_same_name_whatever_the_order_of_its_members() -> None:
    nameless = {name: value for name, value in event("e1", "00u1").items() if name != "uuid"}
    turned = dict(reversed(nameless.items()))
    assert json.dumps(nameless) != json.dumps(turned)
    assert read_event(nameless).uuid == read_event(turned).uuid


def test_a_time_without_a_zone_is_none() -> None:
    assert read_event(event("e1", "00u1", published="2026-11-22T10:00:00.000")).published is None


def test_a_time_with_a_zone_is_read_in_utc() -> None:
    read = read_event(event("e1", "00u1", published="2026-11-22T12:00:00+02:00"))
    assert read.published == datetime(2026, 11, 22, 10, tzinfo=UTC)


def texts_of(item: dict[str, object], text: str) -> list[dict[str, object]]:
    """Return the same event with each of its stored texts replaced in turn."""
    user = {"type": "User", "id": "00u1", "alternateId": "kim@example.com"}
    return [
        item | {"uuid": text},
        item | {"target": [user | {"id": text}]},
        item | {"target": [user | {"alternateId": text}]},
        item | {"outcome": {"result": text, "reason": None}},
    ]


@pytest.mark.parametrize("letter", ["x", "é"])
def test_a_kept_text_of_exactly_the_most_bytes_is_read_and_a_longer_one_is_not(letter: str) -> None:
    longest = letter * (1024 // len(letter.encode()))
    for whole, long in zip(
        texts_of(event("e1", "00u1"), longest), texts_of(event("e1", "00u1"), longest + "x"), strict=True
    ):
        assert isinstance(read_one(whole), ImportEvent)
        assert read_one(long) is Fault.NOT_TEXT


def test_a_long_reason_is_cut_and_one_that_cannot_be_stored_is_left_out() -> None:
    item = event("e1", "00u1")
    assert read_event(item | {"outcome": {"result": "FAILURE", "reason": "x" * 5000}}).reason == "x" * 1024
    assert read_event(item | {"outcome": {"result": "FAILURE", "reason": "nul\0"}}).reason is None


def test_an_event_with_an_okta_id_or_a_login_alone_is_read_and_one_with_neither_is_not() -> None:
    assert read_event(event("e1", "00u1", None)).login is None
    assert read_event(event("e1", None, "kim@example.com")).user_id is None
    assert read_one(event("e1", "", "")) is Fault.NO_USER


@pytest.mark.parametrize(
    "broken",
    [
        b'{"data": {"events": [EVENT EVENT]}}',
        b'{"data": {"events": [EVENT}}',
        b'{"data": {"events": [EVENT]} "more": 1}',
        b'{"data": {"events": [EVENT]}} {}',
        b'{"data": {"events": [EVENT',
        b'{"data" {"events": [EVENT]}}',
    ],
)
def test_a_delivery_that_breaks_after_a_good_event_gives_no_event(broken: bytes) -> None:
    body = broken.replace(b"EVENT", json.dumps(event("e1", "00u1")).encode())
    read = parse_delivery(body)
    assert (read.events, [each.fault for each in read.unreadable]) == ((), [Fault.NOT_JSON])
    assert read.unreadable[0].body == body

"""Okta's wire format, parser by parser: any bytes give a value or an error, and official samples the right values."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.okta.events import Delivery, ImportEvent, Unreadable, answer_challenge, parse_delivery, read_events
from service.okta.parsing import MalformedCall, parse_object
from service.okta.password_import import PasswordImportCall, Verdict, answer, parse_call
from tests.people import delivery, event, sign_in

SAMPLES = Path(__file__).parent / "samples"

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)
NAMES = ["data", "events", "context", "credential", "username", "password", "eventType", "target", "outcome", "uuid"]
NEARLY = st.recursive(
    st.none()
    | st.integers(-(10**30), 10**30)  # a longer one is parsed as a float
    | st.text(max_size=20)
    | st.sampled_from(["User", "SUCCESS", "user.import.password", "kim@example.com"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6),
    max_leaves=30,
)


def encode(value: object) -> bytes:
    return json.dumps(value).encode()


@given(st.binary(max_size=400) | VALUES.map(encode) | NEARLY.map(encode))
def test_any_bytes_are_a_call_or_refused(body: bytes) -> None:
    try:
        call = parse_call(body)
    except MalformedCall:
        return
    else:
        assert call.username
        assert call.password


@given(st.binary(max_size=400) | VALUES.map(encode) | NEARLY.map(encode))
def test_any_bytes_are_a_delivery_whose_unreadable_parts_are_kept(body: bytes) -> None:
    read = parse_delivery(body)
    assert all(isinstance(each, ImportEvent) for each in read.events)
    assert all(each.body for each in read.unreadable) or body == b""


@given(st.lists(NEARLY, max_size=6))
def test_reading_event_by_event_finds_what_reading_at_once_finds(items: list[object]) -> None:
    body = encode({"eventId": "x", "more": [items], "data": {"before": items, "events": items, "after": 1}})
    assert parse_delivery(body) == read_events(json.loads(encode(items)), "x")


@given(st.data())
def test_a_delivery_that_is_cut_or_changed_anywhere_never_raises(data: st.DataObject) -> None:
    body = bytearray(delivery(event("e1", "00u1", "kim@example.com"), event("e2", "00u2", "é", "FAILURE")))
    at = data.draw(st.integers(0, len(body) - 1))
    if data.draw(st.booleans()):
        assert parse_delivery(bytes(body[:at])).events == ()
    else:
        body[at] = data.draw(st.integers(0, 255))
        assert isinstance(parse_delivery(bytes(body)), Delivery)


@given(st.text(min_size=1, max_size=50), st.text(min_size=1, max_size=50))
def test_what_okta_may_send_arrives_as_it_was_typed(username: str, password: str) -> None:
    if "\0" in username:
        return
    call = parse_call(sign_in(username, password))
    assert (call.username, call.password) == (username, password)


@pytest.mark.parametrize("space", [b"", b" ", b"\n\t \r"])
def test_white_space_between_the_parts_of_a_delivery_is_no_fault(space: bytes) -> None:
    loose = json.dumps({"data": {"events": [event("e1", "00u1")]}}, indent=2).encode()
    assert len(parse_delivery(space + loose + space).events) == 1


@pytest.mark.parametrize(
    "body",
    [
        b'{"data": {"events": [] }} x',
        b'{"data": {"events": [1,]}}',
        b'{"data": {"events": [1 2]}}',
        b'{"data": {"events": [',
        b'{"data" {"events": []}}',
        b'{data: {"events": []}}',
        b"{1: 2}",
        b'{"data": {"events": [NaN]}}',
        b"",
        b"\xff",
    ],
)
def test_what_is_no_json_is_kept_whole(body: bytes) -> None:
    read = parse_delivery(body)
    assert [each.fault for each in read.unreadable] == ["not_json"]
    assert [each.body for each in read.unreadable] == [body]


def test_answers_are_what_okta_documents() -> None:
    for verdict, name in ((Verdict.VERIFIED, "verified"), (Verdict.UNVERIFIED, "unverified")):
        official = json.loads((SAMPLES / "password-import" / f"response.{name}.json").read_bytes())
        assert json.loads(answer(verdict, "Ab12")) == official | {"debugContext": {"reason": "Ab12"}}


def test_the_verification_is_what_okta_documents() -> None:
    assert json.loads(answer_challenge(["abc"])) == {"verification": "abc"}


@pytest.mark.parametrize("value", [sign_in("kim", "marked-password"), delivery(event("e1")) + b"marked-password"])
def test_no_repr_and_no_refusal_shows_what_was_sent(value: bytes) -> None:
    try:
        shown = repr(parse_call(value))
    except MalformedCall as refused:
        shown = f"{refused!r} {refused}"
    assert "marked-password" not in shown
    assert "marked-password" not in repr(parse_delivery(value))


def test_numbers_of_any_size_are_no_fault() -> None:
    assert parse_object(b'{"a": ' + b"9" * 5000 + b', "b": 1e999999, "c": -0.0}')


def test_a_call_is_a_value() -> None:
    assert isinstance(parse_call(sign_in("kim", "x")), PasswordImportCall)
    assert not isinstance(parse_delivery(sign_in("kim", "x")).unreadable[0], str)
    assert isinstance(parse_delivery(sign_in("kim", "x")).unreadable[0], Unreadable)

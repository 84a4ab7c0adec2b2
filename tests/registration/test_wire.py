"""The registration hook's wire format: any input is a request or an error, and answers follow Okta's contract."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.okta.parsing import MalformedCall
from service.okta.registration import (
    MAX_ANSWER,
    Allow,
    AnswerTooLarge,
    Cause,
    Deny,
    Engine,
    Kind,
    parse_request,
    write_answer,
)
from service.registration.evaluate import judge
from tests.registration.asking import JO, call, example, registration, sample, update

EVERYTHING = example("everything.toml")


def test_request_without_a_type_is_the_classic_engines() -> None:
    request = parse_request(sample("classic.request.json"))
    assert (request.kind, request.engine) == (Kind.REGISTRATION, Engine.CLASSIC)
    assert Engine.CLASSIC is parse_request(call(None, userProfile=JO)).engine


def test_update_holds_what_changes_beside_the_profile_that_okta_has() -> None:
    request = parse_request(sample("progressive.request.json"))
    assert request.kind is Kind.UPDATE
    assert request.profile == {"employeeNumber": "1234"}
    assert request.user["login"] == "rosario.jones@example.com"
    assert request.user_id == "00u48gwcu01WxvNo"


@pytest.mark.parametrize("name", ["ssr.request.openapi.json", "progressive.request.openapi.json"])
def test_versions_may_be_numbers(name: str) -> None:
    assert parse_request(sample(name)).profile


def test_type_that_nobody_knows_is_said_to_be_unknown() -> None:
    request = parse_request(call("self.service.party", userProfile=JO))
    assert (request.kind, request.request_type, request.profile) == (Kind.UNKNOWN, "self.service.party", {})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'"text"',
        b"\xff\xfe",
        b'{"data": NaN}',
        b"[" * 100_000,
        b"{}",
        call(7, userProfile=JO),
        call("self.service.registration"),
        call("progressive.profile", userProfile=JO),
        registration(None),
        registration([JO]),
        registration("jo@example.com"),
        registration({"login": "jo\0@example.com"}),
        registration({"tags": ["fine", "\udc00"]}),
        registration({"na\0me": "x"}),
        registration({"size": 1}).replace(b"1}", b"1e999}"),
        update({"nickName": "jo"}, user={"login": "\ud800"}),
        update({"nickName": "jo"}, user=["login"]),
    ],
)
def test_what_is_no_request_is_refused_by_name(body: bytes) -> None:
    with pytest.raises(MalformedCall) as refused:
        parse_request(body)
    assert refused.value.code
    assert "jo" not in refused.value.message.split()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)
NAMES = st.sampled_from(["email", "login", "country", "badge", "nickName", "lastName", "managerId", "userType"])
PROFILES = st.dictionaries(NAMES | st.text(max_size=5), JSON, max_size=6)
TYPES = st.sampled_from(["self.service.registration", "progressive.profile", None, "other"]) | JSON
CALLS = st.builds(
    lambda kind, profile, context, rest: json.dumps(
        {"requestType": kind, "data": {"userProfile": profile, "userProfileUpdate": profile, "context": context}} | rest
    ).encode(),
    TYPES,
    PROFILES | JSON,
    st.fixed_dictionaries({"user": st.fixed_dictionaries({"profile": PROFILES | JSON}) | JSON}) | JSON,
    st.dictionaries(st.text(max_size=8), JSON, max_size=2),
)


@given(st.binary(max_size=200) | CALLS, PROFILES | st.none())
def test_any_bytes_are_refused_or_get_an_answer_in_okta_s_words(body: bytes, legacy: dict[str, object] | None) -> None:
    try:
        request = parse_request(body)
    except MalformedCall:
        return
    if legacy is not None:
        legacy = json.loads(json.dumps(legacy, allow_nan=True).replace("NaN", "0").replace("Infinity", "0"))
    written = write_answer(request.kind, judge(EVERYTHING, request, legacy).decision)
    if written is None:
        return
    answered = json.loads(written)
    denied = {"type": "com.okta.action.update", "value": {"registration": "DENY"}} in answered["commands"]
    assert denied or "error" not in answered
    assert {command["type"] for command in answered["commands"]} <= {
        "com.okta.action.update",
        "com.okta.user.profile.update"
        if request.kind is Kind.REGISTRATION
        else "com.okta.user.progressive.profile.update",
    }


def test_nothing_to_say_is_no_answer() -> None:
    assert write_answer(Kind.REGISTRATION, Allow()) is None
    assert write_answer(Kind.REGISTRATION, Allow(updates=({},))) is None


def test_update_of_a_profile_has_its_own_command() -> None:
    written = write_answer(Kind.UPDATE, Allow(({"a": 1},), explicitly=True))
    assert written is not None
    assert [command["type"] for command in json.loads(written)["commands"]] == [
        "com.okta.user.progressive.profile.update",
        "com.okta.action.update",
    ]


def test_unknown_type_gets_no_update_command() -> None:
    assert write_answer(Kind.UNKNOWN, Allow(({"a": 1},))) is None


def test_a_location_may_be_named_whole() -> None:
    short, whole = (Deny("No.", (Cause("No.", "NO", name),)) for name in ("badge", "data.userProfile.badge"))
    assert write_answer(Kind.REGISTRATION, whole) == write_answer(Kind.REGISTRATION, short)


def test_location_of_an_update_is_in_the_user_profile_too() -> None:
    written = write_answer(Kind.UPDATE, Deny("No.", (Cause("No.", "NO", "badge"),)))
    assert written is not None
    assert json.loads(written)["error"]["errorCauses"][0]["location"] == "data.userProfile.badge"


def test_answer_of_256_kb_is_never_sent() -> None:
    room = MAX_ANSWER - len(write_answer(Kind.REGISTRATION, Allow(({"a": ""},))) or b"")
    assert write_answer(Kind.REGISTRATION, Allow(({"a": "x" * (room - 1)},)))
    with pytest.raises(AnswerTooLarge):
        write_answer(Kind.REGISTRATION, Allow(({"a": "x" * room},)))


def test_what_was_submitted_is_in_no_repr() -> None:
    request = parse_request(registration({"login": "marked-value"}))
    assert "marked-value" not in repr(request)
    assert "marked-value" not in repr(Allow(({"login": "marked-value"},)))

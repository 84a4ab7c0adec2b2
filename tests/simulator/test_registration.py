"""Registration at the simulated org: the request, the effect of answers, and what the person sees."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from simulator import Form, Org, Registration
from simulator.answers import Answer, Fault
from simulator.registration import judge
from simulator.user import BASE_ATTRIBUTES
from tests.simulator.answering import SECRET, Service

SAMPLES = Path(__file__).parent.parent / "okta" / "samples" / "registration"
ROSARIO = {
    "firstName": "Rosario",
    "lastName": "Jones",
    "login": "rosario.jones@example.com",
    "email": "rosario.jones@example.com",
}


@pytest.fixture
def registering(org: Org, service: Service) -> Org:
    org.set_registration_hook(f"{service.url}/registration", SECRET)
    return org


def judged(form: Form, members: object, entered: dict[str, Any] | None = None) -> Registration:
    return judge(form, Answer(200, json.dumps(members).encode()), entered or {}, BASE_ATTRIBUTES)


def sample(name: str) -> dict[str, Any]:
    members: dict[str, Any] = json.loads((SAMPLES / name).read_text())
    return members


async def test_a_204_allows_the_registration_as_entered(registering: Org) -> None:
    result = await registering.register(ROSARIO, "password1")
    assert (result.allowed, result.attributes) == (True, ROSARIO)
    assert (await registering.sign_in("rosario.jones@example.com", "password1")).signed_in


@pytest.mark.parametrize("classic, name", [(False, "ssr.request.json"), (True, "classic.request.json")])
async def test_a_registration_is_sent_as_in_okta_s_sample(
    registering: Org, service: Service, classic: bool, name: str
) -> None:
    await registering.register(ROSARIO, "password1", classic=classic)
    (call,) = service.posts("/registration")
    assert shape(call.body) == shape(sample(name))
    assert "password1" not in json.dumps(call.body)


async def test_a_profile_update_is_sent_as_in_okta_s_sample(registering: Org, service: Service) -> None:
    user = registering.add_user(**ROSARIO, timeZone="America/Los_Angeles", locale="en_US")
    del user.profile["email"]
    await registering.update_profile(user, {"employeeNumber": "1234"})
    (call,) = service.posts("/registration")
    assert shape(call.body) == shape(sample("progressive.request.json"))
    assert user.profile["employeeNumber"] == "1234"


async def test_sensitive_attributes_are_not_sent_but_stored(registering: Org, service: Service) -> None:
    registering.sensitive_attributes.add("costCenter")
    result = await registering.register(ROSARIO | {"costCenter": "17"}, "password1")
    assert "costCenter" not in service.posts("/registration")[0].body["data"]["userProfile"]
    assert result.user is not None
    assert result.user.profile["costCenter"] == "17"


@pytest.mark.parametrize("faulty", [{"status": 503}, {"status": 400}, {"text": "no JSON"}])
async def test_a_failing_hook_denies_with_the_default_message(
    registering: Org, service: Service, faulty: dict[str, Any]
) -> None:
    service.answers += [partial(web.Response, **faulty)] * 2
    result = await registering.register(ROSARIO, "password1")
    assert result.shown.general == "There was an error creating your account. Please try registering again."
    assert registering.users.get("rosario.jones@example.com") is None


def test_a_timeout_of_an_update_shows_its_own_default_message() -> None:
    result = judge(Form.PROGRESSIVE, Answer(fault=Fault.TIMEOUT), {}, ())
    assert result.shown.general == "There was an error updating your profile. Please try again later."


def test_okta_s_denial_shows_its_message_beside_the_attribute() -> None:
    result = judged(Form.SELF_SERVICE, sample("ssr.response.deny.json"))
    assert not result.allowed
    assert list(result.shown.inline) == ["email"]


def test_an_error_cancels_even_an_allow_and_even_when_it_is_empty() -> None:
    allow = {"type": "com.okta.action.update", "value": {"registration": "ALLOW"}}
    result = judged(Form.SELF_SERVICE, {"commands": [allow], "error": {}})
    assert (result.allowed, result.shown.general) == (False, "Registration cannot be completed at this time.")


def test_an_error_at_no_attribute_shows_the_general_message() -> None:
    error = {"errorCauses": [{"errorSummary": "no", "location": "data.context"}]}
    result = judged(Form.PROGRESSIVE, {"error": error})
    assert result.shown.general == "We found some errors. Please review the form and make corrections."


def test_the_classic_engine_shows_the_first_cause_alone() -> None:
    result = judged(Form.CLASSIC, sample("classic.response.error-only.json"))
    assert result.shown.general == sample("classic.response.error-only.json")["error"]["errorCauses"][0]["errorSummary"]


@pytest.mark.parametrize(
    "form, message",
    [(Form.SELF_SERVICE, "Registration denied."), (Form.PROGRESSIVE, "Profile update denied.")],
)
def test_a_bare_denial_shows_the_default_message(form: Form, message: str) -> None:
    assert judged(form, sample("response.action-deny.json")).shown.general == message


def test_commands_set_attributes_in_their_order() -> None:
    def command(value: dict[str, str]) -> dict[str, object]:
        return {"type": "com.okta.user.profile.update", "value": value}

    result = judged(Form.SELF_SERVICE, {"commands": [command({"city": "A"}), command({"city": "B"})]}, {"city": "C"})
    assert (result.allowed, result.attributes) == (True, {"city": "B"})


@pytest.mark.parametrize(
    "form, command",
    [
        (Form.PROGRESSIVE, {"type": "com.okta.user.profile.update", "value": {"city": "A"}}),
        (Form.SELF_SERVICE, {"type": "com.okta.user.progressive.profile.update", "value": {"city": "A"}}),
        (Form.SELF_SERVICE, {"type": "com.action.update", "value": {"registration": "DENY"}}),
        (Form.SELF_SERVICE, {"type": "com.okta.action.update", "value": {"action": "ALLOW"}}),
        (Form.SELF_SERVICE, {"type": "com.okta.user.profile.update", "value": {"password": "x"}}),
        (Form.SELF_SERVICE, {"type": "com.okta.user.profile.update", "value": {"unheardOf": "x"}}),
        (Form.SELF_SERVICE, {"type": "com.okta.user.profile.update", "value": "city"}),
    ],
)
def test_an_answer_that_breaks_the_contract_is_refused_by_name(form: Form, command: dict[str, object]) -> None:
    result = judged(form, {"commands": [command]})
    assert (result.allowed, bool(result.fault)) == (False, True)


async def test_in_read_only_mode_nobody_is_registered(registering: Org) -> None:
    registering.switch(read_only=True)
    assert not (await registering.register(ROSARIO, "password1")).allowed


async def test_a_debug_context_reaches_the_system_log(registering: Org, service: Service) -> None:
    service.answers.append(lambda: web.json_response({"debugContext": {"code": "abc"}}))
    await registering.register(ROSARIO, "password1")
    (record,) = [record for record in registering.log.records if record.type == "inline_hook.response.processed"]
    assert record.event["debugContext"]["debugData"]["debugContext"] == {"code": "abc"}


def shape(value: object) -> object:
    """Return the members with their JSON types, without the values."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    return type(value).__name__

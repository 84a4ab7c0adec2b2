"""The simulated org's requests and answers, validated against Okta's published schemas and samples."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from simulator import Org
from tests.simulator.answering import SECRET, Api, Service, person
from tests.simulator.test_api_hooks import event, inline

OKTA = Path(__file__).parent.parent / "okta"
LOGIN = "jessie.smith@example.com"


@pytest.fixture(scope="module")
def openapi() -> dict[str, Any]:
    members: dict[str, Any] = yaml.load((OKTA / "hooks-openapi.yaml").read_text(), Loader=yaml.CSafeLoader)
    return members


def faults(openapi: dict[str, Any], name: str, instance: object) -> list[str]:
    """Return the faults of a validation. Nulls count as missing: Okta's samples have some that its schemas forbid."""
    schema = openapi | {"$ref": f"#/components/schemas/{name}"}
    checker = jsonschema.Draft7Validator.FORMAT_CHECKER
    validator = jsonschema.Draft7Validator(schema, format_checker=checker)
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(bare(instance))]


def bare(value: object) -> object:
    if isinstance(value, list):
        return [bare(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {name: bare(inner) for name, inner in value.items() if inner is not None}


def sample(path: str) -> dict[str, Any]:
    members: dict[str, Any] = json.loads((OKTA / "samples" / path).read_text())
    return members


def test_the_check_itself_finds_a_wrong_type(openapi: dict[str, Any]) -> None:
    assert faults(openapi, "LogEvent", {"uuid": 17}) == ["$.uuid: 17 is not of type 'string'"]


async def test_a_password_import_call_is_valid_and_has_the_sample_s_members(
    openapi: dict[str, Any], hooked: Org, service: Service
) -> None:
    await hooked.sign_in(LOGIN, "password1")
    (call,) = service.posts("/password")
    assert faults(openapi, "PasswordImportRequestExecute", call.body) == []
    for name in ("password-import/request.reference.json", "password-import/request.openapi.json"):
        assert members_of(call.body) == members_of(sample(name))


async def test_a_delivery_is_valid_and_has_the_sample_s_members(
    openapi: dict[str, Any], hooked: Org, service: Service
) -> None:
    hooked.switch(foreign_events=True)
    for password in ("wrong", "password1"):
        await hooked.sign_in(LOGIN, password)
    await hooked.flush_events()
    (call,) = service.posts("/events")
    assert faults(openapi, "EventHookDelivery", call.body) == []
    given = sample("event-hook/delivery.user.session.start.json")
    assert set(call.body) == set(given)
    for log in call.body["data"]["events"]:
        assert set(log) == set(given["data"]["events"][0])
        assert set(log["client"]) == set(given["data"]["events"][0]["client"])


async def test_log_events_are_valid_and_share_their_uuid_with_the_delivery(
    openapi: dict[str, Any], hooked: Org, service: Service, api: Api
) -> None:
    await hooked.sign_in(LOGIN, "password1")
    await hooked.flush_events()
    _, logged = await api("GET", "logs", filter='eventType eq "user.import.password"')
    assert faults(openapi, "LogEvent", logged[0]) == []
    assert [log["uuid"] for log in logged] == [log["uuid"] for log in service.delivered]


@pytest.mark.parametrize("name", ["RegistrationInlineHookSSRData", "RegistrationInlineHookPPData"])
async def test_registration_calls_are_valid(openapi: dict[str, Any], org: Org, service: Service, name: str) -> None:
    org.set_registration_hook(f"{service.url}/registration", SECRET)
    if name == "RegistrationInlineHookSSRData":
        await org.register({"login": LOGIN, "email": LOGIN}, "password1")
    else:
        await org.update_profile(org.add_user(LOGIN), {"employeeNumber": "1234"})
    (call,) = service.posts("/registration")
    assert faults(openapi, name, call.body) == []


async def test_api_answers_are_valid(openapi: dict[str, Any], api: Api, service: Service) -> None:
    _, user = await api("POST", "users", person(LOGIN))
    _, hook = await api("POST", "inlineHooks", inline(service.url))
    _, made = await api("POST", "eventHooks", event(service.url))
    _, error = await api("GET", "users/nobody")
    for name, answer in {"User": user, "InlineHook": hook, "EventHook": made, "Error": error}.items():
        assert (name, faults(openapi, name, answer)) == (name, [])


def members_of(value: object) -> object:
    if isinstance(value, dict):
        return {name: members_of(inner) for name, inner in value.items()}
    return None

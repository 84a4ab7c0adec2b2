"""`/api/v1/inlineHooks` and `/api/v1/eventHooks` of the simulated org."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.simulator.answering import Api, Service

SAMPLES = Path(__file__).parent.parent / "okta" / "samples"
PASSWORD_HOOK = "com.okta.user.credential.password.import"


def inline(url: str, **changes: Any) -> dict[str, Any]:
    config: dict[str, Any] = {"uri": f"{url}/password", "method": "POST", "headers": [{"key": "x-any", "value": "1"}]}
    config["authScheme"] = {"type": "HEADER", "key": "Authorization", "value": "s3cret"}
    channel = {"type": "HTTP", "version": "1.0.0", "config": config}
    return {"name": "Passwords", "type": PASSWORD_HOOK, "version": "1.0.0", "channel": channel} | changes


def event(url: str, **changes: Any) -> dict[str, Any]:
    members = inline(url)
    members["channel"]["config"]["uri"] = f"{url}/events"
    events = {"type": "EVENT_TYPE", "items": ["user.import.password"]}
    return {"name": "Imports", "events": events, "channel": members["channel"]} | changes


async def test_a_created_hook_is_active_and_keeps_its_secret_to_itself(api: Api, service: Service) -> None:
    status, hook = await api("POST", "inlineHooks", inline(service.url))
    assert (status, hook["status"]) == (200, "ACTIVE")
    assert set(hook["_links"]) == {"self", "execute", "deactivate"}
    assert hook["channel"]["config"]["authScheme"] == {"type": "HEADER", "key": "Authorization"}
    assert "s3cret" not in json.dumps(await api("GET", f"inlineHooks/{hook['id']}"))


async def test_the_answer_has_the_members_of_a_recorded_one(api: Api, service: Service) -> None:
    _, created = await api("POST", "inlineHooks", inline(service.url))
    recorded = json.loads(
        (SAMPLES / "third-party" / "api.inline-hook.create.password-import.response.2025.json").read_text()
    )
    assert set(created) == set(recorded)
    _, made = await api("POST", "eventHooks", event(service.url))
    assert set(made) == set(json.loads((SAMPLES / "third-party/api.event-hook.create.response.2026.json").read_text()))


async def test_an_org_has_one_password_hook(api: Api, service: Service) -> None:
    await api("POST", "inlineHooks", inline(service.url))
    assert (await api("POST", "inlineHooks", inline(service.url, name="Another")))[0] == 400
    registration = inline(service.url, type="com.okta.user.pre-registration")
    assert (await api("POST", "inlineHooks", registration))[0] == 200
    assert len((await api("GET", "inlineHooks", type=PASSWORD_HOOK))[1]) == 1


async def test_a_replaced_hook_loses_a_secret_that_is_not_sent_again(api: Api, service: Service) -> None:
    _, hook = await api("POST", "inlineHooks", inline(service.url))
    members = inline(service.url)
    del members["channel"]["config"]["authScheme"]
    _, replaced = await api("PUT", f"inlineHooks/{hook['id']}", members)
    assert replaced["channel"]["config"]["authScheme"] is None


async def test_only_an_inactive_hook_can_be_deleted(api: Api, service: Service) -> None:
    _, hook = await api("POST", "inlineHooks", inline(service.url))
    assert (await api("DELETE", f"inlineHooks/{hook['id']}"))[0] == 400
    _, inactive = await api("POST", f"inlineHooks/{hook['id']}/lifecycle/deactivate")
    assert (inactive["status"], set(inactive["_links"])) == ("INACTIVE", {"activate", "self", "delete"})
    assert (await api("DELETE", f"inlineHooks/{hook['id']}"))[0] == 204
    assert (await api("GET", f"inlineHooks/{hook['id']}"))[0] == 404


async def test_execute_sends_the_payload_as_given_and_answers_the_answer(api: Api, service: Service) -> None:
    _, hook = await api("POST", "inlineHooks", inline(service.url))
    payload = json.loads((SAMPLES / "password-import" / "request.openapi.json").read_text())
    status, answer = await api("POST", f"inlineHooks/{hook['id']}/execute", payload)
    assert (status, answer["commands"][0]["value"]) == (200, {"credential": "UNVERIFIED"})
    (call,) = service.calls
    assert (call.body, call.headers["Authorization"], call.headers["x-any"]) == (payload, "s3cret", "1")


async def test_execute_tells_of_a_failure(api: Api, service: Service) -> None:
    _, hook = await api("POST", "inlineHooks", inline(service.url))
    service.answers += [partial(web.Response, status=401)]
    status, error = await api("POST", f"inlineHooks/{hook['id']}/execute", {"data": {}})
    assert (status, error["errorCode"]) == (400, "E0000001")
    assert "401" in error["errorCauses"][0]["errorSummary"]


@pytest.mark.parametrize("uri", ["ftp://example.com", "https://exa mple.com", "https://e.com/" + "x" * 1024, ""])
async def test_a_url_that_okta_refuses_is_refused(api: Api, service: Service, uri: str) -> None:
    members = inline(service.url)
    members["channel"]["config"]["uri"] = uri
    assert (await api("POST", "inlineHooks", members))[0] == 400


async def test_an_org_can_insist_on_https_as_okta_does(api: Api, service: Service) -> None:
    api.org.https_only = True
    assert (await api("POST", "inlineHooks", inline(service.url)))[0] == 400


async def test_an_event_hook_is_verified_and_a_replaced_channel_un_verifies_it(api: Api, service: Service) -> None:
    _, hook = await api("POST", "eventHooks", event(service.url))
    assert (hook["status"], hook["verificationStatus"]) == ("ACTIVE", "UNVERIFIED")
    _, verified = await api("POST", f"eventHooks/{hook['id']}/lifecycle/verify")
    assert verified["verificationStatus"] == "VERIFIED"
    _, replaced = await api("PUT", f"eventHooks/{hook['id']}", event(service.url))
    assert replaced["verificationStatus"] == "UNVERIFIED"


async def test_a_failed_verification_is_answered_as_okta_does(api: Api, service: Service) -> None:
    _, hook = await api("POST", "eventHooks", event(service.url))
    service.answers += [partial(web.Response, status=401)]
    status, error = await api("POST", f"eventHooks/{hook['id']}/lifecycle/verify")
    expected = json.loads((SAMPLES / "event-hook" / "verification.api-error.support-article.json").read_text())
    assert (status, error["errorCode"], error["errorSummary"]) == (400, "E0000001", expected["errorSummary"])
    assert error["errorCauses"] == [{"errorSummary": "Unable to verify event hook. Hook Imports execution failed"}]


async def test_event_hooks_have_names_of_their_own_and_at_least_one_type(api: Api, service: Service) -> None:
    await api("POST", "eventHooks", event(service.url))
    assert (await api("POST", "eventHooks", event(service.url)))[0] == 400
    none = event(service.url, name="Another", events={"type": "EVENT_TYPE", "items": []})
    assert (await api("POST", "eventHooks", none))[0] == 400


async def test_a_hook_gets_no_events_while_it_warms_up(api: Api, service: Service) -> None:
    api.org.switch(warm_up=120.0)
    _, hook = await api("POST", "eventHooks", event(service.url))
    await api("POST", f"eventHooks/{hook['id']}/lifecycle/verify")
    api.org.set_password_hook(f"{service.url}/password")
    api.org.add_user("jessie.smith@example.com")
    await api.org.sign_in("jessie.smith@example.com", "wrong")
    api.org.clock.advance(seconds=121)
    await api.org.sign_in("jessie.smith@example.com", "password1")
    await api.org.flush_events()
    assert service.imports == ["SUCCESS"]

"""Behaviour of Okta's SDK (3.4) that a migration cannot accept: the reasons for a small client of our own.

Each test pins a behaviour of the SDK, not of this project. If one fails after an update of the SDK, the reason that it
states no longer exists.
"""

import json
from pathlib import Path

import pytest

from tests.simulator.answering import Api, person
from tests.simulator.test_sdk import LOGIN, Sdk, models, okta, sdk

__all__ = ["models", "okta", "sdk"]

LOG_EVENT = Path(__file__).parent.parent / "okta" / "samples" / "system-log" / "list.response.openapi.json"


async def test_a_lost_answer_is_an_attribute_error_that_hides_what_happened(models: Sdk, api: Api, sdk: Sdk) -> None:
    api.org.switch(lost_answers=1.0)
    with pytest.raises(AttributeError, match="'NoneType' object has no attribute 'status'"):
        await sdk.create_user(models.CreateUserRequest.from_dict(person(LOGIN)))
    assert api.org.users.get(LOGIN) is not None


def test_it_can_t_read_okta_s_own_sample_of_the_system_log(models: Sdk) -> None:
    with pytest.raises(ValueError, match="postalCode"):
        models.LogEvent.from_dict(json.loads(LOG_EVENT.read_text())[0])


async def test_one_event_with_a_new_word_makes_its_whole_page_unreadable(api: Api, sdk: Sdk) -> None:
    for number in range(3):
        api.org.add_user(f"user{number}@example.com")
    api.org.log.records[1].event["severity"] = "NOTICE"
    with pytest.raises(ValueError, match="severity"):
        await sdk.list_log_events()


async def test_of_several_link_headers_it_keeps_the_last_alone(api: Api, sdk: Sdk) -> None:
    _, response, _ = await sdk.list_log_events()
    assert type(response.headers) is dict
    assert "self" not in response.headers["Link"]


async def test_by_itself_it_repeats_a_post_on_503_at_once(
    okta: Sdk, models: Sdk, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OKTA_TESTING_TESTINGDISABLEHTTPSCHECK", "true")
    api.org.switch(read_only=True)
    async with okta.client.Client({"orgUrl": api.org.url, "token": api.org.api_token}) as client:
        await client.create_user(models.CreateUserRequest.from_dict(person(LOGIN)))
    assert [exchange.method for exchange in api.org.transcript] == ["POST"] * 3

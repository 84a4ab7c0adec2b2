"""`/api/v1/logs` of the simulated org: polling never ends, bounded reading does and may miss late events."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from simulator import Org
from simulator.ids import okta_time
from tests.simulator.answering import Api
from tests.simulator.test_api_users import next_link

SAMPLES = Path(__file__).parent.parent / "okta" / "samples" / "system-log"
CREATED = 'eventType eq "user.lifecycle.create"'


def people(org: Org, *numbers: int) -> None:
    for number in numbers:
        org.add_user(f"user{number}@example.com")


async def test_polling_goes_on_for_ever_and_gives_each_event_once(api: Api) -> None:
    people(api.org, *range(5))
    seen: list[str] = []
    _, page, headers = await api.whole("GET", "logs", filter=CREATED, limit="2")
    for later in (None, None, None, 5, None):
        seen += [event["uuid"] for event in page]
        if later is not None:
            people(api.org, later)
        following = next_link(headers.getall("Link"))
        assert following
        _, page, headers = await api.whole("GET", following)
    assert (len(seen), len(set(seen)), page) == (6, 6, [])
    assert next_link(headers.getall("Link"))


async def test_a_polled_event_that_is_persisted_late_still_comes_after_the_cursor(api: Api) -> None:
    user = api.org.add_user("jessie.smith@example.com", password="x")
    api.org.switch(log_delay=60.0)
    api.org.log_about(user, "a.early", "early")
    api.org.log.add(
        "b.late", "late", api.org.caused("/", "127.0.0.1"), actor={}, targets=[], delay=api.org.switches.log_delay
    )
    api.org.log_about(user, "c.after", "after")
    _, page, headers = await api.whole("GET", "logs")
    assert [event["eventType"] for event in page][-2:] == ["a.early", "c.after"]
    api.org.clock.advance(seconds=61)
    following = next_link(headers.getall("Link"))
    assert following
    assert [event["eventType"] for event in (await api("GET", following))[1]] == ["b.late"]


async def test_bounded_reading_ends_and_is_in_the_order_of_publication(api: Api) -> None:
    people(api.org, *range(5))
    now = api.org.clock.now()
    query = {"since": okta_time(now - timedelta(hours=1)), "until": okta_time(now + timedelta(hours=1))}
    _, page, headers = await api.whole("GET", "logs", limit="3", **query)
    following = next_link(headers.getall("Link"))
    assert following
    _, rest, headers = await api.whole("GET", following)
    assert (len(page), len(rest), next_link(headers.getall("Link"))) == (3, 2, None)
    _, reverse = await api("GET", "logs", sortOrder="DESCENDING", **query)
    assert [event["uuid"] for event in reverse] == [event["uuid"] for event in [*page, *rest]][::-1]


async def test_bounded_reading_misses_what_is_not_persisted_yet(api: Api) -> None:
    api.org.log.add("late", "late", api.org.caused("/", "127.0.0.1"), actor={}, targets=[], delay=60.0)
    until = okta_time(api.org.clock.now() + timedelta(hours=1))
    assert await api("GET", "logs", until=until) == (200, [])


async def test_after_ninety_days_an_event_is_gone(api: Api) -> None:
    people(api.org, 1)
    api.org.clock.advance(days=89)
    since = okta_time(api.org.clock.now() - timedelta(days=120))
    assert len((await api("GET", "logs", since=since))[1]) == 1
    api.org.clock.advance(days=2)
    assert (await api("GET", "logs", since=since))[1] == []


@pytest.mark.parametrize(
    "query, name",
    [
        ({"until": "yesterday"}, "error.bad-date.E0000001.json"),
        ({"filter": 'eventType eqq "x"'}, "error.bad-filter.E0000053.json"),
        ({"filter": 'some_invalid_field eq "x"'}, "error.bad-field.E0000053.json"),
        ({"since": "2020-01-01T00:00:00Z"}, "error.since-over-180-days.E0000053.json"),
        ({"q": "x" * 41}, "error.q-too-long.E0000001.json"),
    ],
)
async def test_a_bad_query_gets_the_code_of_okta_s_sample(api: Api, query: dict[str, str], name: str) -> None:
    status, error = await api("GET", "logs", **query)
    assert (status, error["errorCode"]) == (400, json.loads((SAMPLES / name).read_text())["errorCode"])


@pytest.mark.parametrize("query", [{"limit": "1001"}, {"limit": "x"}, {"after": "made-up"}, {"filter": "("}])
async def test_other_nonsense_is_refused(api: Api, query: dict[str, str]) -> None:
    assert (await api("GET", "logs", **query))[0] == 400


async def test_a_lost_cursor_is_refused(api: Api) -> None:
    people(api.org, 1)
    _, _, headers = await api.whole("GET", "logs")
    api.org.log.epoch += 1
    following = next_link(headers.getall("Link"))
    assert following
    status, error = await api("GET", following)
    assert (status, error["errorCode"]) == (400, "E0000001")


@pytest.mark.parametrize(
    "condition, count",
    [
        ('target.alternateId eq "user1@example.com"', 1),
        ('eventType sw "user." and outcome.result eq "SUCCESS"', 3),
        ('(target.alternateId co "user1" or target.alternateId co "user2") and outcome.result eq "SUCCESS"', 2),
        ('eventtype eq "user.lifecycle.create"', None),
        ("legacyEventType pr", 0),
    ],
)
async def test_filters_are_scim_with_case_sensitive_names(api: Api, condition: str, count: int | None) -> None:
    people(api.org, 1, 2, 3)
    status, found = await api("GET", "logs", filter=condition)
    assert (status, len(found) if status == 200 else None) == (200 if count is not None else 400, count)


async def test_log_events_have_the_addresses_under_request(api: Api) -> None:
    people(api.org, 1)
    (event,) = (await api("GET", "logs"))[1]
    assert "ipChain" in event["request"]
    assert "ipChain" not in event["client"]

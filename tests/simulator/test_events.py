"""Events of the simulated org: the verification, batches, and faults of deliveries."""

import asyncio
from functools import partial

from aiohttp import web

from simulator import HeaderSecret, Org
from tests.simulator.answering import Service

LOGIN = "jessie.smith@example.com"


async def test_the_verification_carries_challenge_secret_and_custom_headers(org: Org, service: Service) -> None:
    secret = HeaderSecret("X-Hook-Secret", "s3cret")
    hook = org.add_event_hook(f"{service.url}/events", secret, headers=(("X-Other", "value"),))
    assert await org.verify_event_hook(hook)
    (call,) = service.calls
    assert (call.method, call.headers["X-Hook-Secret"], call.headers["X-Other"]) == ("GET", "s3cret", "value")
    assert "Content-Type" not in call.headers


async def test_a_hook_that_doesn_t_echo_the_challenge_gets_no_events(org: Org, service: Service) -> None:
    hook = org.add_event_hook(f"{service.url}/events")
    service.answers.append(lambda: web.json_response({"verification": "something else"}))
    assert not await org.verify_event_hook(hook)
    org.set_password_hook(f"{service.url}/password")
    org.add_user(LOGIN)
    await org.sign_in(LOGIN, "password1")
    await org.flush_events()
    assert service.posts("/events") == []


async def test_a_success_is_delivered_with_the_user_as_target(hooked: Org, service: Service) -> None:
    user = hooked.users.get(LOGIN)
    assert user is not None
    await hooked.sign_in(LOGIN, "password1")
    await hooked.flush_events()
    (event,) = service.delivered
    assert event["outcome"] == {"result": "SUCCESS", "reason": None}
    assert [target["id"] for target in event["target"] if target["type"] == "User"] == [user.id]
    assert event["transaction"]["id"] == service.posts("/password")[0].body["data"]["context"]["request"]["id"]


async def test_read_only_signs_in_reports_a_failure_and_asks_again(hooked: Org, service: Service) -> None:
    hooked.switch(read_only=True)
    first = await hooked.sign_in(LOGIN, "password1")
    assert (first.signed_in, first.imported, hooked.provider_of(LOGIN)) == (True, False, "IMPORT")
    hooked.switch(read_only=False)
    assert (await hooked.sign_in(LOGIN, "password1")).imported
    await hooked.flush_events()
    assert service.imports == ["FAILURE", "SUCCESS"]


async def test_unverified_makes_a_failure_event_only_where_told_to(hooked: Org, service: Service) -> None:
    await hooked.sign_in(LOGIN, "wrong")
    hooked.switch(report_unverified=False)
    await hooked.sign_in(LOGIN, "wrong")
    await hooked.flush_events()
    assert service.imports == ["FAILURE"]


async def test_events_of_a_short_time_travel_together(hooked: Org, service: Service) -> None:
    for number in range(5):
        hooked.add_user(f"user{number}@example.com")
        await hooked.sign_in(f"user{number}@example.com", "password1")
    await hooked.flush_events()
    assert [len(call.body["data"]["events"]) for call in service.posts("/events")] == [5]


async def test_events_go_out_by_themselves(hooked: Org, service: Service) -> None:
    hooked.hold_deliveries = False
    await hooked.sign_in(LOGIN, "password1")
    while not service.imports:  # noqa: ASYNC110 (what it waits for has no event)
        await asyncio.sleep(0.01)
    assert service.imports == ["SUCCESS"]


async def test_a_duplicate_comes_in_another_delivery_and_deliveries_come_again(hooked: Org, service: Service) -> None:
    hooked.switch(duplicate=1.0)
    await hooked.sign_in(LOGIN, "password1")
    await hooked.flush_events()
    assert len({event["uuid"] for event in service.delivered}) == 1
    assert len(service.delivered) == 4
    assert len({call.body["eventId"] for call in service.posts("/events")}) == 2


async def test_a_dropped_event_is_in_the_log_alone(hooked: Org, service: Service) -> None:
    hooked.switch(drop=1.0)
    await hooked.sign_in(LOGIN, "password1")
    await hooked.flush_events()
    assert service.delivered == []
    assert [record.type for record in hooked.log.records].count("user.import.password") == 1


async def test_reordered_events_come_newest_first(hooked: Org, service: Service) -> None:
    hooked.switch(reorder=1.0)
    for password in ("wrong", "password1"):
        await hooked.sign_in(LOGIN, password)
    await hooked.flush_events()
    assert service.imports == ["SUCCESS", "FAILURE"]
    assert len(service.posts("/events")) == 2


async def test_late_events_wait_and_a_flush_sends_them(hooked: Org, service: Service) -> None:
    hooked.hold_deliveries = False
    hooked.switch(late=1.0, late_by=60.0)
    await hooked.sign_in(LOGIN, "password1")
    await asyncio.sleep(0.05)
    assert service.delivered == []
    await hooked.flush_events()
    assert service.imports == ["SUCCESS"]


async def test_foreign_events_can_be_mixed_in(hooked: Org, service: Service) -> None:
    hooked.switch(foreign_events=True)
    await hooked.sign_in(LOGIN, "password1")
    await hooked.flush_events()
    assert {event["eventType"] for event in service.delivered} == {"user.import.password", "user.session.start"}


async def test_nulls_can_be_left_out(hooked: Org, service: Service) -> None:
    hooked.switch(omit_nulls=1.0)
    await hooked.sign_in(LOGIN, "password1")
    await hooked.flush_events()
    assert service.delivered[0]["outcome"] == {"result": "SUCCESS"}
    assert service.delivered[0]["securityContext"] == {}


async def test_a_failed_delivery_is_tried_once_more_on_5xx_and_never_on_4xx(hooked: Org, service: Service) -> None:
    for status, expected in ((503, 2), (400, 1)):
        await hooked.sign_in(LOGIN, "wrong")
        service.calls.clear()
        service.answers = [partial(web.Response, status=status)] * expected
        await hooked.flush_events()
        assert len(service.posts("/events")) == expected
    failures = [record for record in hooked.log.records if record.type == "event_hook.delivery"]
    assert len(failures) == 2


async def test_beyond_the_daily_limit_nothing_is_delivered(hooked: Org, service: Service) -> None:
    hooked.deliveries.day_limit = 0
    await hooked.sign_in(LOGIN, "password1")
    await hooked.flush_events()
    assert service.delivered == []

"""Limits, tokens and faults of the simulated org's management API."""

import time

import aiohttp
import pytest

from tests.simulator.answering import Api, person

LOGIN = "jessie.smith@example.com"


async def test_every_answer_says_what_is_left_of_the_limit(api: Api) -> None:
    api.org.limits.calls["users"] = 4
    _, _, headers = await api.whole("GET", "users")
    assert (headers["X-Rate-Limit-Limit"], headers["X-Rate-Limit-Remaining"]) == ("2", "1")
    assert time.time() <= int(headers["X-Rate-Limit-Reset"]) <= time.time() + 61


async def test_beyond_the_limit_is_429_until_the_window_ends(api: Api) -> None:
    api.org.limits.calls["users"] = 2
    assert (await api("GET", "users"))[0] == 200
    status, error, headers = await api.whole("GET", "users")
    assert (status, error["errorCode"], headers["X-Rate-Limit-Remaining"]) == (429, "E0000047", "0")
    api.org.limits._windows["users"].ends = time.time()
    assert (await api("GET", "users"))[0] == 200
    assert (api.org.limits.most_used["users"], api.org.limits.refused["users"]) == (1, 1)


async def test_too_many_calls_at_once_are_429_with_limit_0(api: Api) -> None:
    api.org.limits.concurrent = 0
    status, error, headers = await api.whole("GET", "users")
    assert (status, error["errorCode"]) == (429, "E0000047")
    assert (headers["X-Rate-Limit-Limit"], headers["X-Rate-Limit-Remaining"]) == ("0", "0")


async def test_in_read_only_mode_writes_are_503_and_reads_work(api: Api) -> None:
    api.org.switch(read_only=True)
    status, error = await api("POST", "users", person(LOGIN))
    assert (status, error["errorCode"]) == (503, "E0000010")
    assert await api("GET", "users") == (200, [])


async def test_a_lost_answer_has_done_its_work(api: Api) -> None:
    api.org.switch(lost_answers=1.0)
    with pytest.raises(aiohttp.ClientError):
        await api("POST", "users", person(LOGIN))
    assert api.org.users.get(LOGIN) is not None
    assert list(api.org.transcript)[-1].fault == "answer lost"


async def test_an_internal_error_has_done_nothing(api: Api) -> None:
    api.org.switch(api_errors=1.0)
    status, error = await api("POST", "users", person(LOGIN))
    assert (status, error["errorCode"], len(api.org.users)) == (500, "E0000009", 0)


@pytest.mark.parametrize("token", ["SSWS wrong", "Bearer wrong", "Basic x", "nothing"])
async def test_a_wrong_token_is_401(api: Api, token: str) -> None:
    status, error = await api("GET", "users", token=token)
    assert (status, error["errorCode"]) == (401, "E0000011")


async def test_a_body_that_is_no_json_is_e0000003(api: Api) -> None:
    headers = {"Authorization": f"SSWS {api.org.api_token}"}
    async with api.session.post(f"{api.org.url}/api/v1/users", data=b"{", headers=headers) as response:
        assert (response.status, (await response.json())["errorCode"]) == (400, "E0000003")


async def test_an_unknown_path_is_404_in_okta_s_form(api: Api) -> None:
    assert (await api("GET", "nothing"))[1]["errorCode"] == "E0000007"
    assert (await api("PATCH", "users"))[1]["errorCode"] == "E0000022"


async def test_latency_slows_every_call(api: Api) -> None:
    api.org.switch(latency=0.05)
    start = time.monotonic()
    await api("GET", "users")
    assert time.monotonic() - start >= 0.05

"""Sign-ins at the simulated org: when the password hook is called, and the effect of its answers."""

import pytest
from aiohttp import web

from simulator import Org, Outcome
from tests.simulator.answering import Service, verdict

LOGIN = "jessie.smith@example.com"


async def test_the_right_password_is_verified_and_imported(hooked: Org) -> None:
    result = await hooked.sign_in(LOGIN, "password1")
    assert (result.outcome, result.verdict, result.imported) == (Outcome.SIGNED_IN, "VERIFIED", True)
    assert hooked.provider_of(LOGIN) == "OKTA"


async def test_a_wrong_password_is_refused_and_the_hook_is_asked_again(hooked: Org, service: Service) -> None:
    result = await hooked.sign_in(LOGIN, "password2")
    assert (result.outcome, result.imported, hooked.provider_of(LOGIN)) == (Outcome.WRONG_PASSWORD, False, "IMPORT")
    assert (await hooked.sign_in(LOGIN, "password1")).signed_in
    assert len(service.posts("/password")) == 2


async def test_the_second_sign_in_asks_no_hook(hooked: Org, service: Service) -> None:
    await hooked.sign_in(LOGIN, "password1")
    result = await hooked.sign_in(LOGIN, "password1")
    assert (result.signed_in, result.hook_called) == (True, False)
    assert (await hooked.sign_in(LOGIN, "password2")).outcome is Outcome.WRONG_PASSWORD
    assert len(service.posts("/password")) == 1


async def test_the_hook_is_told_the_name_as_typed(hooked: Org, service: Service) -> None:
    for typed in ("JESSIE.SMITH@example.com", "jessie.smith"):
        await hooked.sign_in(typed, "wrong")
    sent = [call.body["data"]["context"]["credential"]["username"] for call in service.posts("/password")]
    assert sent == ["JESSIE.SMITH@example.com", "jessie.smith"]


async def test_a_short_name_of_two_users_means_nobody(hooked: Org, service: Service) -> None:
    hooked.add_user("jessie.smith@example.org")
    assert (await hooked.sign_in("jessie.smith", "password1")).outcome is Outcome.UNKNOWN_USER
    assert service.posts("/password") == []


async def test_an_unknown_user_causes_no_call(hooked: Org, service: Service) -> None:
    assert (await hooked.sign_in("nobody@example.com", "x")).outcome is Outcome.UNKNOWN_USER
    assert service.calls == []


async def test_without_an_active_hook_nobody_is_asked(hooked: Org) -> None:
    for hook in hooked.inline_hooks.values():
        hook.active = False
    assert (await hooked.sign_in(LOGIN, "password1")).outcome is Outcome.NO_HOOK


async def test_a_204_means_unverified(hooked: Org, service: Service) -> None:
    service.answers.append(lambda: web.Response(status=204))
    result = await hooked.sign_in(LOGIN, "password1")
    assert (result.outcome, result.verdict) == (Outcome.WRONG_PASSWORD, "UNVERIFIED")


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_a_5xx_is_tried_once_more(hooked: Org, service: Service, status: int) -> None:
    service.answers.append(lambda: web.Response(status=status))
    result = await hooked.sign_in(LOGIN, "password1")
    assert result.signed_in
    assert result.answer is not None
    assert result.answer.attempts == 2
    first, second = (call.body["eventId"] for call in service.posts("/password"))
    assert first == second


async def test_two_5xx_fail_the_sign_in_and_import_nothing(hooked: Org, service: Service) -> None:
    service.answers += [lambda: web.Response(status=503)] * 3
    result = await hooked.sign_in(LOGIN, "password1")
    assert (result.outcome, len(service.posts("/password"))) == (Outcome.HOOK_FAILED, 2)
    assert hooked.provider_of(LOGIN) == "IMPORT"
    assert [record.type for record in hooked.log.records].count("inline_hook.executed") == 1


@pytest.mark.parametrize("status", [400, 401, 404, 413, 429, 301, 307])
async def test_neither_4xx_nor_3xx_is_tried_again(hooked: Org, service: Service, status: int) -> None:
    service.answers.append(lambda: web.Response(status=status, headers={"Location": "/password"}))
    assert (await hooked.sign_in(LOGIN, "password1")).outcome is Outcome.HOOK_FAILED
    assert len(service.calls) == 1


async def test_a_call_that_takes_too_long_is_tried_once_more(hooked: Org, service: Service) -> None:
    hooked.caller.timeout = 0.05
    service.slow = 0.5
    result = await hooked.sign_in(LOGIN, "password1")
    assert result.outcome is Outcome.HOOK_FAILED
    assert result.answer is not None
    assert result.answer.attempts == 2  # the service may not have received them: connecting takes time too


async def test_a_refused_connection_fails_the_sign_in(hooked: Org) -> None:
    hooked.inline_hooks.clear()
    hooked.set_password_hook("http://127.0.0.1:9/password")
    result = await hooked.sign_in(LOGIN, "password1")
    assert result.outcome is Outcome.HOOK_FAILED
    assert result.answer is not None
    assert result.answer.attempts == 2


async def test_an_answer_that_is_no_json_fails_the_sign_in(hooked: Org, service: Service) -> None:
    service.answers.append(lambda: web.Response(text="<html>"))
    assert (await hooked.sign_in(LOGIN, "password1")).outcome is Outcome.HOOK_FAILED


async def test_the_retry_can_be_told_to_have_another_event_id(hooked: Org, service: Service) -> None:
    hooked.switch(fresh_event_id_on_retry=True)
    service.answers.append(lambda: web.Response(status=500))
    await hooked.sign_in(LOGIN, "password1")
    first, second = (call.body["eventId"] for call in service.posts("/password"))
    assert first != second


async def test_a_reset_while_the_hook_is_asked_is_not_undone(hooked: Org, service: Service) -> None:
    user = hooked.users.get(LOGIN)
    assert user is not None

    def reset_then_answer() -> web.Response:
        user.password_hook = False
        return verdict("VERIFIED")

    service.answers.append(reset_then_answer)
    assert not (await hooked.sign_in(LOGIN, "password1")).imported
    assert user.password is None


async def test_the_call_carries_okta_s_headers_and_the_secret(hooked: Org, service: Service) -> None:
    await hooked.sign_in(LOGIN, "password1")
    (call,) = service.posts("/password")
    assert call.headers["Authorization"] == "Basic YWRtaW46c3VwZXJzZWNyZXQ="
    assert (call.headers["Accept"], call.headers["Content-Type"]) == ("application/json", "application/json")
    assert call.headers["X-Okta-Request-Id"] == call.body["data"]["context"]["request"]["id"]


async def test_the_same_seed_gives_the_same_ids() -> None:
    first, second = (Org(seed=5).add_user("a@example.com") for _ in range(2))
    assert first.id == second.id

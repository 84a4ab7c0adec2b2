"""A policy in Python decides like any other, and none of its faults lets anybody in or holds anything else up."""

import asyncio
import json
from collections.abc import Iterator, Sequence

import pytest
import structlog

from service.okta.registration import parse_request
from service.registration.code_policy import CodePolicy, PolicyFailed, load_policy
from service.registration.queries import LegacyProfile
from service.registration.screen import Decided, RegistrationScreener
from service.registration.toml_document import FaultyPolicy
from service.telemetry import Telemetry
from tests.registration import code_policies
from tests.registration.asking import EMAIL, JO, call, registration

HERE = "tests.registration.code_policies"


async def nobody(names: Sequence[str]) -> Sequence[LegacyProfile]:
    raise AssertionError(names)


@pytest.fixture
def loaded() -> Iterator[list[CodePolicy]]:
    policies: list[CodePolicy] = []
    yield policies
    for policy in policies:
        policy.close()


@pytest.fixture
def screener(request: pytest.FixtureRequest, loaded: list[CodePolicy]) -> RegistrationScreener:
    policy = load_policy(f"{HERE}:{getattr(request, 'param', 'good')}")
    assert isinstance(policy, CodePolicy)
    loaded.append(policy)
    return RegistrationScreener(policy, nobody, Telemetry())


async def test_code_decides(screener: RegistrationScreener) -> None:
    allowed = await screener.screen(parse_request(registration(JO)))
    denied = await screener.screen(parse_request(registration(JO | {"country": "XX"})))
    assert (allowed.decided, denied.decided) == (Decided.CHANGED, Decided.DENIED)
    assert denied.answer is not None
    assert json.loads(denied.answer)["error"]["errorCauses"][0]["location"] == "data.userProfile.country"


async def test_code_is_asked_about_unknown_types_too(screener: RegistrationScreener) -> None:
    screening = await screener.screen(parse_request(call("self.service.party")))
    assert screening.decided is Decided.DENIED


@pytest.mark.parametrize(
    "screener",
    [
        "raises",
        "exits",
        "times_out",
        "raises_no_exception",
        "is_cancelled",
        "awaits_what_was_cancelled",
        "is_closed",
        "says_yes",
        "says_nothing",
        "sets_password",
        "sets_no_json",
        "sets_nan",
        "sets_half_a_character",
        "says_half_a_character",
        "sets_what_is_too_deep",
        "sets_too_much",
        "denies_in_no_words",
    ],
    indirect=True,
)
async def test_fault_of_the_code_is_no_decision_and_quotes_nothing(screener: RegistrationScreener) -> None:
    with structlog.testing.capture_logs() as logs, pytest.raises(PolicyFailed) as failed:
        await screener.screen(parse_request(registration(JO)))
    assert "policy_failed" in [line["event"] for line in logs]
    assert code_policies.MARK not in repr(logs) + repr(failed.value)
    assert EMAIL not in repr(logs)
    assert failed.value.__cause__ is None
    assert failed.value.__suppress_context__ or failed.value.__context__ is None


@pytest.mark.parametrize("screener", ["hangs"], indirect=True)
async def test_code_that_hangs_is_ended_by_the_deadline(screener: RegistrationScreener) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await screener.screen(parse_request(registration(JO)))


async def test_call_that_is_left_over_when_the_loop_ends_is_no_fault_of_the_code() -> None:
    asking = asyncio.create_task(CodePolicy("it", code_policies.hangs)._ask(parse_request(registration(JO))))
    await asyncio.sleep(0)
    coroutine = asking.get_coro()
    assert coroutine is not None
    with structlog.testing.capture_logs() as logs:
        coroutine.close()  # as whoever frees it does
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    assert logs == []


@pytest.mark.parametrize("screener", ["blocks"], indirect=True)
async def test_code_that_blocks_leaves_the_service_s_loop_alone(screener: RegistrationScreener) -> None:
    blocked = asyncio.create_task(screener.screen(parse_request(registration(JO))))
    await asyncio.sleep(0.05)  # comes back only if the loop is free
    assert not blocked.done()
    code_policies.released.set()
    assert (await blocked).decided is Decided.ALLOWED


@pytest.mark.parametrize(
    "named, part",
    [
        ("no.such.module:screen", "there is no module no: add its folder to PYTHONPATH"),
        (f"{HERE}:absent", "has no absent"),
        (f"{HERE}:synchronous", "must be an async function"),
        (f"{HERE}:no_argument", "must take one argument"),
        (f"{HERE}:MARK", "must be an async function"),
    ],
)
def test_code_that_cannot_be_used_is_named_at_start(named: str, part: str) -> None:
    with pytest.raises(FaultyPolicy, match=part):
        load_policy(named)

"""A policy in Python decides like any other; its faults never allow a registration, and never block anything else."""

import asyncio
import json
from collections.abc import Iterator, Sequence

import pytest
import structlog

from service.okta.registration import parse_request
from service.registration.code_policy import CodePolicy, LegacyAccounts, PolicyFailed, load_code
from service.registration.policy import Policy
from service.registration.queries import LegacyProfile
from service.registration.screen import Decided, RegistrationScreener
from service.registration.toml_document import FaultyPolicy
from service.telemetry import Telemetry
from tests.registration import code_policies
from tests.registration.asking import EMAIL, JO, call, registration

HERE = "tests.registration.code_policies"


class Store:
    """A legacy store whose results or faults a test determines."""

    def __init__(self, *found: LegacyProfile, fault: Exception | None = None) -> None:
        self.found = found
        self.fault = fault
        self.asked: list[object] = []

    async def by_names(self, names: Sequence[str]) -> Sequence[LegacyProfile]:
        return self._answer(list(names))

    async def by_attribute(self, attribute: str, value: str) -> Sequence[LegacyProfile]:
        return self._answer((attribute, value))

    def _answer(self, asked: object) -> Sequence[LegacyProfile]:
        self.asked.append(asked)
        if self.fault is not None:
            raise self.fault
        return self.found


@pytest.fixture
def loaded() -> Iterator[list[CodePolicy]]:
    policies: list[CodePolicy] = []
    yield policies
    for policy in policies:
        policy.close()


@pytest.fixture
def screener(request: pytest.FixtureRequest, loaded: list[CodePolicy]) -> RegistrationScreener:
    return screening(loaded, getattr(request, "param", "good"), Store())


def screening(loaded: list[CodePolicy], function: str, store: Store) -> RegistrationScreener:
    code = load_code(f"{HERE}:{function}")
    loaded.append(code)
    return RegistrationScreener(Policy(code=code), store, Telemetry())


async def test_code_decides(screener: RegistrationScreener) -> None:
    allowed = await screener.screen(parse_request(registration(JO)))
    denied = await screener.screen(parse_request(registration(JO | {"country": "XX"})))
    assert (allowed.decided, denied.decided) == (Decided.CHANGED, Decided.DENIED)
    assert denied.answer is not None
    assert json.loads(denied.answer)["error"]["errorCauses"][0]["location"] == "data.userProfile.country"


@pytest.mark.parametrize("screener", ["allows_everything"], indirect=True)
async def test_code_alone_is_not_asked_about_unknown_types(screener: RegistrationScreener) -> None:
    screening = await screener.screen(parse_request(call("self.service.party")))
    assert screening.decided is Decided.DENIED


FAULTS = {
    "raises": "raised RuntimeError",
    "exits": "raised SystemExit",
    "times_out": "raised TimeoutError",
    "raises_no_exception": "raised NoException",
    "is_cancelled": "raised CancelledError",
    "awaits_what_was_cancelled": "raised CancelledError",
    "is_closed": "raised GeneratorExit",
    "says_yes": "must return Allow or Deny, not a value of type bool",
    "says_nothing": "must return Allow or Deny, not None",
    "sets_password": "Allow.updates[0]['password']: Okta lets no hook set the password",
    "sets_no_json": "Allow.updates[0]['a'] is a value of type set, which JSON has not",
    "sets_nan": "Allow.updates[0]['a'] is nan, which JSON has not",
    "sets_half_a_character": "Allow.updates[0]['a'] holds half of a surrogate pair",
    "says_half_a_character": "Deny.summary holds half of a surrogate pair",
    "sets_what_is_too_deep": "is nested more than 50 levels deep",
    "sets_too_much": "the answer would have 256 KB or more",
    "denies_in_no_words": "Deny.summary is missing",
    "sets_no_tuple": "Allow.updates must be a tuple of dictionaries, not a value of type dict",
    "sets_a_list": "Allow.updates[1] must be a dictionary of attributes, not a value of type list",
    "sets_no_name": "Allow.updates[0] has a key that must be a non-empty string, and is a value of type int",
    "allows_perhaps": "Allow.explicitly must be True or False, not a value of type str",
    "denies_with_a_number": "Deny.summary must be a string, not a value of type int",
    "denies_with_one_cause": "Deny.causes must be a tuple of Cause, not a value of type Cause",
    "denies_with_a_text": "Deny.causes[0] must be a Cause, not a value of type str",
    "denies_beside_nothing": "Deny.causes[1].attribute must be a string, not None",
    "denies_for_no_reason": "Deny.causes[0].reason is blank",
}


@pytest.mark.parametrize("screener, fault", FAULTS.items(), indirect=["screener"])
async def test_fault_of_the_code_is_named_and_quotes_nothing(screener: RegistrationScreener, fault: str) -> None:
    with structlog.testing.capture_logs() as logs, pytest.raises(PolicyFailed) as failed:
        await screener.screen(parse_request(registration(JO)))
    assert "policy_failed" in [line["event"] for line in logs]
    assert fault in str(failed.value)
    assert code_policies.MARK not in repr(logs) + repr(failed.value)
    assert EMAIL not in repr(logs)
    assert failed.value.__cause__ is None
    assert failed.value.__suppress_context__ or failed.value.__context__ is None


@pytest.mark.parametrize("screener", ["hangs"], indirect=True)
async def test_code_that_hangs_is_ended_by_the_deadline(screener: RegistrationScreener) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await screener.screen(parse_request(registration(JO)))


async def ask_what_hangs() -> None:
    request = parse_request(registration(JO))
    await CodePolicy("it", code_policies.hangs)._ask(request, LegacyAccounts(request, Store()))


async def test_call_that_is_left_over_when_the_loop_ends_is_no_fault_of_the_code() -> None:
    asking = asyncio.create_task(ask_what_hangs())
    await asyncio.sleep(0)
    coroutine = asking.get_coro()
    assert coroutine is not None
    with structlog.testing.capture_logs() as logs:
        coroutine.close()  # like the code that releases it
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    assert logs == []


@pytest.mark.parametrize("screener", ["blocks"], indirect=True)
async def test_code_that_blocks_leaves_the_service_s_loop_alone(screener: RegistrationScreener) -> None:
    blocked = asyncio.create_task(screener.screen(parse_request(registration(JO))))
    await asyncio.sleep(0.05)  # returns only if the loop is not blocked
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
        (f"{HERE}:other_arguments", "may take a second, legacy"),
        (f"{HERE}:MARK", "must be an async function"),
    ],
)
def test_code_that_cannot_be_used_is_named_at_start(named: str, part: str) -> None:
    with pytest.raises(FaultyPolicy, match=part):
        load_code(named)


async def test_code_finds_the_person_by_login_and_email(loaded: list[CodePolicy]) -> None:
    store = Store(LegacyProfile("jo", {"branch": "Graz"}))
    screened = await screening(loaded, "copies_branch", store).screen(parse_request(registration(JO)))
    assert store.asked == [[EMAIL, EMAIL]]
    assert screened.answer is not None
    assert b'{"branch": "Graz"}' in screened.answer


@pytest.mark.parametrize(
    "value, asked", [(" 42 ", ["42"]), (42, ["42"]), ("", []), (None, []), (["42"], []), ("\0", [])]
)
async def test_code_finds_people_by_an_attribute(loaded: list[CodePolicy], value: object, asked: list[str]) -> None:
    store = Store(LegacyProfile("jo", {}))
    request = parse_request(registration(JO | ({"member": value} if value != "\0" else {})))
    code = screening(loaded, "nul_is_looked_up" if value == "\0" else "finds_member", store)
    screened = await code.screen(request)
    assert store.asked == [("memberNumber", text) for text in asked]
    assert (screened.decided is Decided.ALLOWED) is bool(asked)


@pytest.mark.parametrize("function", ["finds_member", "ignores_the_store"])
async def test_without_an_answer_of_the_store_there_is_no_decision(loaded: list[CodePolicy], function: str) -> None:
    store = Store(fault=ConnectionRefusedError())
    with pytest.raises(ConnectionRefusedError):
        await screening(loaded, function, store).screen(parse_request(registration(JO | {"member": "1"})))

"""The load of a rehearsal counts each sign-in once, retries like Okta, and has the proportions of the loaded hashes."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from service.rehearsal.load import OKTA_WAITS, LoadTest, Plan, Result
from service.rehearsal.people import Cost, invent
from service.store.rehearsals import RehearsalPerson

PEOPLE = [RehearsalPerson(f"person-{n}@test.rehearsal.invalid", f"secret-{n}", 1) for n in range(5)]
VERIFIED, UNVERIFIED = (
    (200, {"commands": [{"type": "com.okta.action.update", "value": {"credential": word}}]})
    for word in ("VERIFIED", "UNVERIFIED")
)


class Service:
    """Gives the first calls of each sign-in the given answers, and the others correct ones."""

    def __init__(self, *first: tuple[int, object] | None) -> None:
        self.first = first
        self.calls: Counter[str] = Counter()
        self.payloads: list[dict[str, Any]] = []

    async def call(self, payload: dict[str, Any], within: float) -> tuple[int, object] | None:
        assert within == OKTA_WAITS
        self.payloads.append(payload)
        number = self.calls[payload["eventId"]]
        self.calls[payload["eventId"]] += 1
        await asyncio.sleep(0)
        if number < len(self.first):
            return self.first[number]
        credential = payload["data"]["context"]["credential"]
        passwords = {person.login_key: person.password for person in PEOPLE}
        return VERIFIED if passwords[credential["username"]] == credential["password"] else UNVERIFIED


async def run(service: Service, *, wrong: float = 0.0, rate: float = 1000) -> Result:
    return await LoadTest(service, PEOPLE, Plan(rate, 0.05, wrong), seed=1).run()


async def test_right_and_wrong_passwords_that_get_their_verdict_are_in_time() -> None:
    service = Service()
    result = await run(service, wrong=0.5)
    words = {payload["data"]["context"]["credential"]["password"].endswith("0") for payload in service.payloads}
    assert words >= {True, False}
    assert result.in_time == result.sign_ins == result.calls > 0
    assert result.percentile(0.99) is not None


@pytest.mark.parametrize("first", [None, (500, None), (503, {"error": "x"})])
async def test_a_call_without_an_answer_or_with_a_server_error_is_made_once_more(
    first: tuple[int, object] | None,
) -> None:
    service = Service(first)
    result = await run(service)
    assert set(service.calls.values()) == {2}
    assert result.in_time == result.sign_ins
    assert result.calls == 2 * result.sign_ins


async def test_after_the_retry_nothing_is_tried_again() -> None:
    result = await run(Service(None, None))
    assert result.late == result.sign_ins
    assert result.calls == 2 * result.sign_ins
    assert result.percentile(0.5) == OKTA_WAITS


@pytest.mark.parametrize("status, name", [(429, "refused"), (401, "wrong_verdicts"), (302, "wrong_verdicts")])
async def test_other_errors_are_not_tried_again(status: int, name: str) -> None:
    result = await run(Service((status, None)))
    assert getattr(result, name) == result.sign_ins == result.calls
    assert result.statuses == {status: result.calls}
    assert result.percentile(0.5) is None


@pytest.mark.parametrize("wrong, given", [(0.0, UNVERIFIED), (1.0, VERIFIED)])
async def test_a_verdict_that_is_not_the_right_one_is_counted_apart(wrong: float, given: tuple[int, object]) -> None:
    result = await run(Service(given), wrong=wrong)
    assert result.wrong_verdicts == result.sign_ins


async def test_at_least_one_person_signs_in() -> None:
    assert (await LoadTest(Service(), PEOPLE, Plan(0.1, 0.000001, 0.0), seed=3).run()).sign_ins == 1


def test_people_have_the_recipes_in_their_proportions() -> None:
    people = invent({1: 700_000, 2: 200_000, 3: 100_000, 4: 10}, 1000)
    assert Counter(person.recipe_id for person in people) == {1: 700, 2: 200, 3: 100}


def test_everybody_has_another_login_under_invalid_and_another_password() -> None:
    people = invent({1: 1}, 100) + invent({1: 1}, 100)
    assert len({person.login_key for person in people}) == len({person.password for person in people}) == 200
    assert all(person.login_key.endswith(".invalid") for person in people)
    assert people[0].password not in repr(people)


def test_the_cores_are_those_that_the_rate_keeps_busy() -> None:
    assert Cost(0.06, 1.0).cores(40) == pytest.approx(2.4)

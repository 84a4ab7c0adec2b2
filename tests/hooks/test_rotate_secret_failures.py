"""Rotating the secret when a step fails: the old secret stays, partial changes are undone and reported."""

import asyncio
from dataclasses import replace

import pytest

from service.hooks.findings import Fault
from service.hooks.register import DesiredHooks
from service.hooks.rotate import CALLS_A_BALANCER, NotAccepted, Rotated, rotate_secret
from service.okta.errors import INVALID, NoAnswer, Refused
from service.okta_client.org import OktaOrg
from service.okta_client.probing import open_probe
from simulator import HeaderSecret, Org
from tests.hooks.hook_org import (
    EVENTS,
    OURS,
    PASSWORD,
    REGISTRATION,
    URL,
    WANTED,
    FakeService,
    HookBoard,
    KnownHooks,
    hook,
)
from tests.org_fixtures import SECRET, Running
from tests.service_fixtures import Add

NOT_VERIFIED = Refused(400, INVALID, ["Unable to verify event hook"])
OLD = "id of the Password import events"


@pytest.fixture
def board() -> HookBoard:
    return HookBoard()


async def rotate(board: HookBoard, service: FakeService | None = None, **more: object) -> Rotated:
    return await rotate_secret(board, KnownHooks(board), service or FakeService(), WANTED, overlap=0.0, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("fault", [NOT_VERIFIED, Refused(403, "E0000006")], ids=["not verified", "not allowed"])
async def test_a_new_event_hook_that_can_not_be_verified_is_removed_the_old_ones_stay_and_the_command_fails(
    board: HookBoard, fault: Refused
) -> None:
    board.put(EVENTS, hook(EVENTS, "second"))
    board.faults["verify"] = fault
    with pytest.raises(Refused) as caught:
        await rotate(board)
    assert caught.value is fault
    assert [each for each in board.changes if each[1] in (OLD, "second")] == []
    assert {own: (each.active, each.verified) for own, (kind, each) in board.hooks.items() if kind is EVENTS} == {
        OLD: (True, True),
        "second": (True, True),
    }


async def test_a_new_event_hook_that_okta_refuses_to_make_leaves_the_old_one(board: HookBoard) -> None:
    board.faults["create"] = Refused(400, INVALID, ["too many"])
    with pytest.raises(Refused, match="too many"):
        await rotate(board)
    assert [each for each in board.changes if each[1] == OLD] == []


async def test_a_verification_without_an_answer_leaves_the_old_event_hook_and_fails(board: HookBoard) -> None:
    board.faults["verify"] = NoAnswer()
    with pytest.raises(NoAnswer):
        await rotate(board)
    assert board.hooks[OLD][1].active


async def test_over_http_an_org_that_can_not_verify_the_new_event_hook_keeps_the_old_one_delivering(
    org: Org, okta: OktaOrg, service: Running, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add("somebody@example.com")
    secret = HeaderSecret("Authorization", SECRET)
    old = org.add_event_hook(f"{service.url}/okta/events", secret)
    assert await org.verify_event_hook(old)

    async def verify(_hook: object) -> bool:
        return False

    monkeypatch.setattr(org, "verify_event_hook", verify)
    desired = DesiredHooks(service.url, OURS, OURS, registration=False)
    async with open_probe() as probe:
        known = KnownHooks()
        known.known.add((EVENTS, old.id))
        with pytest.raises(Refused, match="Unable to verify"):
            await rotate_secret(okta, known, probe, desired, overlap=0.0)
    assert list(org.event_hooks.values()) == [old]
    assert (old.active, old.verified) == (True, True)


async def test_every_old_event_hook_is_removed_once_the_new_one_is_verified(board: HookBoard) -> None:
    board.put(EVENTS, hook(EVENTS, "second"))
    rotated = await rotate(board)
    assert set(rotated.removed) == {OLD, "second"}
    (left,) = [each for kind, each in board.hooks.values() if kind is EVENTS]
    assert rotated.new_events == left
    assert left.verified


async def test_the_old_event_hook_delivers_for_as_long_as_was_asked(
    board: HookBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[tuple[float, bool]] = []

    async def sleep(seconds: float) -> None:
        slept.append((seconds, board.hooks[OLD][1].active))

    with monkeypatch.context() as patch:
        patch.setattr(asyncio, "sleep", sleep)
        await rotate_secret(board, KnownHooks(board), FakeService(), WANTED, overlap=300.0)
    assert (sum(seconds for seconds, _ in slept), {active for _, active in slept}) == (300.0, {True})
    assert OLD not in board.hooks


async def test_an_org_without_an_event_hook_of_ours_is_told_so_and_gets_none(board: HookBoard) -> None:
    del board.hooks[OLD]
    rotated = await rotate(board)
    assert [(each.fault, each.kind) for each in rotated.findings] == [(Fault.MISSING, EVENTS)]
    assert "create" not in dict(board.changes)


@pytest.mark.parametrize(
    "said, fault", [("the service answered 401", Fault.SECRET_NOT_OURS), ("timed out", Fault.TIMED_OUT)]
)
async def test_an_inline_hook_that_fails_with_the_new_secret_is_a_finding(
    board: HookBoard, said: str, fault: Fault
) -> None:
    board.faults["execute"] = Refused(400, INVALID, [said])
    rotated = await rotate(board)
    assert [(each.fault, each.kind) for each in rotated.findings] == [(fault, PASSWORD), (fault, REGISTRATION)]


async def test_an_inline_hook_that_something_else_answers_is_a_finding(board: HookBoard) -> None:
    board.answers[PASSWORD] = {"hello": "world"}
    rotated = await rotate(board)
    assert [(each.fault, each.kind) for each in rotated.findings] == [(Fault.WRONG_ANSWER, PASSWORD)]


async def test_a_hook_by_oauth_keeps_it(board: HookBoard) -> None:
    board.put(PASSWORD, hook(PASSWORD, oauth=True))
    rotated = await rotate_secret(
        board, KnownHooks(board), FakeService(), replace(WANTED, accepts_oauth=True), overlap=0.0
    )
    assert rotated.inline == [REGISTRATION]


@pytest.mark.parametrize(
    "service",
    [
        FakeService(down=frozenset({"https://two.example.com"})),
        FakeService(refusing=frozenset({EVENTS})),
        FakeService(refusing=frozenset({REGISTRATION})),
    ],
    ids=["one is down", "the event hook's secret is not taken", "the registration hook's is not"],
)
async def test_one_replica_or_one_hook_that_does_not_take_the_secret_changes_nothing(
    board: HookBoard, service: FakeService
) -> None:
    with pytest.raises(NotAccepted):
        await rotate(board, service, replicas=["https://one.example.com", "https://two.example.com"])
    assert board.calls == []


async def test_each_replica_is_called_once_a_hook_and_a_balancer_many_times(board: HookBoard) -> None:
    assert CALLS_A_BALANCER == 20
    replicas = FakeService()
    await rotate(board, replicas, replicas=["https://one.example.com", "https://two.example.com"])
    assert (len(replicas.called), len(set(replicas.called))) == (6, 6)
    balancer = FakeService()
    await rotate(board, balancer)
    assert (len(balancer.called), set(balancer.called)) == (60, {URL + kind.path for kind in WANTED.kinds})

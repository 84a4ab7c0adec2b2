"""Registering and checking hooks when Okta or the service refuses: nothing is taken away, and the reason is named."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from service.hooks.check import HookCheck
from service.hooks.findings import (
    Fault,
    Finding,
    certificate_fault,
    clock_fault,
    reported_failure_fault,
    settings_faults,
)
from service.hooks.register import Done, find_ours, register_hooks
from service.okta.errors import INVALID, NoAnswer, Refused
from service.okta.hooks import HeaderChannel
from tests.hooks.hook_org import EVENTS, OURS, PASSWORD, REGISTRATION, URL, WANTED, FakeService, HookBoard, hook

OLD = "id of the Password import events"
NOT_VERIFIED = Refused(400, INVALID, ["Unable to verify event hook"])
NOT_ALLOWED = Refused(403, "E0000006")


@pytest.fixture
def board() -> HookBoard:
    return HookBoard()


def named(findings: list[Finding]) -> set[tuple[Fault, object]]:
    return {(finding.fault, finding.kind) for finding in findings}


async def check(board: HookBoard, service: FakeService | None = None, *, verify: bool = True) -> list[Finding]:
    return await HookCheck(board, service or FakeService(), WANTED, verify=verify).run()


# Registering


async def test_credentials_that_may_not_verify_do_not_replace_a_good_event_hook(board: HookBoard) -> None:
    """Replacing it would stop its events."""
    board.faults["verify"] = NOT_ALLOWED
    with pytest.raises(Refused, match="403"):
        await register_hooks(board, WANTED)
    assert ("replace", OLD) not in board.calls
    assert board.hooks[OLD][1].verified


async def test_an_inactive_event_hook_is_activated_and_not_replaced(board: HookBoard) -> None:
    board.put(EVENTS, hook(EVENTS, active=False, verified=False))
    done = await register_hooks(board, WANTED)
    assert [what for kind, what, _ in done if kind is EVENTS] == [Done.KEPT]
    assert [what for what, own in board.changes if own == OLD] == ["activate", "verify"]


async def test_an_event_hook_that_is_replaced_is_verified_again(board: HookBoard) -> None:
    board.put(EVENTS, hook(EVENTS, events=("user.session.start",)))
    await register_hooks(board, WANTED)
    assert board.hooks[OLD][1].verified


async def test_an_event_hook_whose_name_is_taken_gets_another_one(board: HookBoard) -> None:
    del board.hooks[OLD]
    board.put(PASSWORD, hook(PASSWORD, "other", name=EVENTS.label))
    board.faults["name"] = Refused(400, INVALID, ["name: An object with this field already exists"])
    await register_hooks(board, WANTED)
    assert [name for what, name in board.changes if what == "create"] == [
        EVENTS.label,
        f"{EVENTS.label} (service.example.com)",
    ]


async def test_an_event_hook_that_okta_refuses_for_another_reason_is_not_made_under_another_name(
    board: HookBoard,
) -> None:
    del board.hooks[OLD]
    board.faults["create"] = NOT_ALLOWED
    with pytest.raises(Refused, match="403"):
        await register_hooks(board, WANTED)
    assert [name for what, name in board.changes if what == "create"] == [EVENTS.label]


async def test_a_hook_that_is_updated_keeps_its_name(board: HookBoard) -> None:
    board.put(PASSWORD, hook(PASSWORD, name="Named by an admin"))
    done = await register_hooks(board, WANTED)
    assert done[0][2].name == "Named by an admin"


async def test_what_was_changed_is_told_before_a_later_hook_fails(board: HookBoard) -> None:
    board.put(EVENTS, hook(EVENTS, uri="https://old.example.com/okta/events"))
    board.faults["verify"] = NOT_VERIFIED
    progress: list[tuple[object, Done]] = []
    with pytest.raises(Refused):
        await register_hooks(board, WANTED, progress=lambda kind, done, _hook: progress.append((kind, done)))
    assert progress == [(PASSWORD, Done.UPDATED), (REGISTRATION, Done.UPDATED), (EVENTS, Done.UPDATED)]


def test_of_several_hooks_the_one_that_works_is_the_first_and_a_foreign_one_none_of_ours() -> None:
    idle, unverified, works = hook(EVENTS, "idle", active=False), hook(EVENTS, "un", verified=False), hook(EVENTS, "ok")
    other = hook(EVENTS, "other", uri="https://other.example.com/x", name="Somebody's")
    assert [each.id for each in find_ours(EVENTS, [other, idle, unverified, works], WANTED)] == ["ok", "un", "idle"]
    moved = replace(other, name=EVENTS.label)
    assert find_ours(EVENTS, [other, moved], WANTED) == [moved]
    same_path = replace(other, uri="https://old.example.com/okta/events")
    assert find_ours(EVENTS, [other, same_path], WANTED) == [same_path]
    assert find_ours(PASSWORD, [replace(other, events=())], WANTED) != []


# Checking


async def test_an_org_as_it_should_be_has_no_findings(board: HookBoard) -> None:
    assert await check(board) == []
    assert ("verify", OLD) in board.calls


async def test_the_event_hook_of_a_service_that_does_not_answer_is_not_verified(board: HookBoard) -> None:
    """A verification that fails may take the hook's events away."""
    board.faults["execute"] = Refused(400, INVALID, ["connect"])
    found = named(await check(board, FakeService(down=frozenset({URL}))))
    assert (Fault.NOT_SEEN_FROM_HERE, EVENTS) in found
    assert ("verify", OLD) not in board.calls


async def test_the_event_hook_is_verified_where_okta_alone_reaches_the_service(board: HookBoard) -> None:
    board.faults["verify"] = NOT_VERIFIED
    found = named(await check(board, FakeService(down=frozenset({URL}))))
    assert (Fault.SECRET_NOT_OURS, EVENTS) in found


async def test_nothing_is_verified_where_that_was_not_asked_for(board: HookBoard) -> None:
    assert await check(board, verify=False) == []
    assert board.changes == []


async def test_an_execution_without_an_answer_is_a_finding_and_the_check_goes_on(board: HookBoard) -> None:
    board.faults["execute"] = NoAnswer("no answer")
    assert named(await check(board)) == {(Fault.UNREACHABLE, PASSWORD), (Fault.UNREACHABLE, REGISTRATION)}
    assert ("verify", OLD) in board.calls


@pytest.mark.parametrize("call", ["list", "log", "execute", "verify"])
async def test_a_call_that_our_credentials_may_not_make_is_named_so(board: HookBoard, call: str) -> None:
    board.faults[call] = NOT_ALLOWED
    found = await check(board)
    assert {each.fault for each in found} == {Fault.FORBIDDEN}


@pytest.mark.parametrize("call", ["list", "log"])
async def test_a_call_that_okta_refuses_otherwise_ends_the_check(board: HookBoard, call: str) -> None:
    board.faults[call] = Refused(400, INVALID)
    with pytest.raises(Refused):
        await check(board)


async def test_a_warning_keeps_okta_from_being_asked_to_call_no_hook(board: HookBoard) -> None:
    board.put(EVENTS, hook(EVENTS, events=(*hook(EVENTS).events, "user.session.start")))
    assert named(await check(board)) == {(Fault.EXTRA_EVENTS, EVENTS)}
    assert ("verify", OLD) in board.calls


# What the faults are


def test_the_clock_may_be_a_minute_off_either_way() -> None:
    assert not any(list(clock_fault(ahead)) for ahead in (None, 0.0, 60.0, -60.0))
    said = [finding.detail for ahead in (61.0, -61.0) for finding in clock_fault(ahead)]
    assert said == ["this machine is 61 s behind Okta", "this machine is 61 s ahead of Okta"]


def test_a_certificate_is_told_three_weeks_before_its_end() -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    assert list(certificate_fault(None, now)) == []
    assert list(certificate_fault(now + timedelta(days=21), now)) == []
    assert [each.fault for each in certificate_fault(now + timedelta(days=20), now)] == [Fault.CERTIFICATE_EXPIRES]


@pytest.mark.parametrize(
    "status, fault",
    [
        (200, Fault.WRONG_ANSWER),
        (302, Fault.REDIRECTED),
        (401, Fault.SECRET_NOT_OURS),
        (403, Fault.SECRET_NOT_OURS),
        (404, Fault.WRONG_PATH),
        (405, Fault.WRONG_PATH),
        (500, Fault.NOT_READY),
        (503, Fault.NOT_READY),
    ],
)
def test_a_status_that_okta_tells_has_its_fault(status: int, fault: Fault) -> None:
    assert reported_failure_fault(f"the service answered {status}") is fault


def test_a_header_s_name_is_the_same_in_other_letters() -> None:
    lower = HeaderChannel(OURS.name.lower(), OURS.value)
    assert list(settings_faults(EVENTS, hook(EVENTS), URL + EVENTS.path, lower)) == []

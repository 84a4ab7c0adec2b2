"""Registering and checking hooks when Okta or the service fails: nothing is removed, and the reason is named."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from service.cli.hooks import say
from service.hooks.check import HookCheck
from service.hooks.findings import (
    Fault,
    Finding,
    certificate_fault,
    clock_fault,
    reported_failure_fault,
    settings_faults,
)
from service.hooks.ownership import Claim, NotApproved, StoredOwnership
from service.hooks.register import AddressUnusable, Done, free_name, probe_address, register_hooks
from service.hooks.rotate import rotate_secret
from service.okta.errors import INVALID, NoAnswer, ProofRefused, Refused
from service.okta.hooks import HeaderChannel, Hook, HookKind
from service.okta_client.dpop import SETTING
from service.store.database import Database
from tests.hooks.hook_org import (
    EVENTS,
    OURS,
    PASSWORD,
    REGISTRATION,
    URL,
    WANTED,
    Called,
    FakeService,
    HookBoard,
    KnownHooks,
    hook,
)

OLD = "id of the Password import events"
NOT_VERIFIED = Refused(400, INVALID, ["Unable to verify event hook"])
NOT_ALLOWED = Refused(403, "E0000006")


@pytest.fixture
def board() -> HookBoard:
    return HookBoard()


def named(findings: list[Finding]) -> set[tuple[Fault, object]]:
    return {(finding.fault, finding.kind) for finding in findings}


async def check(board: HookBoard, service: FakeService | None = None, *, verify: bool = True) -> list[Finding]:
    return await HookCheck(board, KnownHooks(board), service or FakeService(), WANTED, verify=verify).run()


# Registration


async def register(board: HookBoard, known: KnownHooks | None = None, **more: Any) -> list[tuple[object, Done, Hook]]:
    done = await register_hooks(board, known or KnownHooks(board), WANTED, **more)
    return list(done)


async def test_credentials_that_may_not_verify_do_not_replace_a_good_event_hook(board: HookBoard) -> None:
    board.faults["verify"] = NOT_ALLOWED
    with pytest.raises(Refused, match="403"):
        await register(board)
    assert board.changes == [("verify", OLD)]
    assert board.hooks[OLD][1].verified


async def test_an_inactive_event_hook_is_activated_and_not_replaced(board: HookBoard) -> None:
    board.put(EVENTS, hook(EVENTS, active=False, verified=False))
    done = await register(board)
    assert [what for kind, what, _ in done if kind is EVENTS] == [Done.KEPT]
    assert [what for what, own in board.changes if own == OLD] == ["activate", "verify"]


async def test_a_wrong_event_hook_goes_only_after_a_new_one_is_verified_beside_it(board: HookBoard) -> None:
    board.put(EVENTS, hook(EVENTS, events=("user.session.start",)))
    known = KnownHooks(board)
    done = await register(board, known)
    assert [what for kind, what, _ in done if kind is EVENTS] == [Done.REPLACED]
    assert [what for what, _ in board.changes[:4]] == ["create", "verify", "deactivate", "delete"]
    assert ("replace", OLD) not in board.calls
    (left,) = [each for kind, each in board.hooks.values() if kind is EVENTS]
    assert left.verified
    assert await known.ids(EVENTS) == {left.id}


async def test_a_new_event_hook_that_can_not_be_verified_is_removed_and_nothing_else_is_changed(
    board: HookBoard,
) -> None:
    board.put(EVENTS, hook(EVENTS, uri="https://old.example.com/okta/events"))
    before = dict(board.hooks)
    known = KnownHooks(board)
    board.faults["verify"] = NOT_VERIFIED
    with pytest.raises(Refused):
        await register(board, known)
    assert board.hooks == before
    assert await known.ids(EVENTS) == {OLD}


async def test_an_event_hook_that_okta_refuses_to_make_is_not_made_under_another_name(board: HookBoard) -> None:
    del board.hooks[OLD]
    board.faults["create"] = NOT_ALLOWED
    with pytest.raises(Refused, match="403"):
        await register(board)
    assert [name for what, name in board.changes if what == "create"] == [EVENTS.label]


async def test_a_hook_that_is_updated_keeps_its_name(board: HookBoard) -> None:
    board.put(PASSWORD, hook(PASSWORD, name="Named by an admin"))
    done = await register(board)
    assert done[0][2].name == "Named by an admin"


async def test_what_was_changed_is_reported_before_a_later_hook_fails(board: HookBoard) -> None:
    del board.hooks[OLD]
    board.faults["replace"] = NOT_ALLOWED
    progress: list[tuple[object, Done]] = []
    with pytest.raises(Refused):
        await register(board, progress=lambda kind, done, _hook: progress.append((kind, done)))
    assert progress == [(EVENTS, Done.CREATED)]


# Foreign hooks

OTHERS_URL = "https://other.example.com/hook"
ALL_ANSWERS = [True, False]


class Asking:
    """An operator who answers every question in the same way, and the questions."""

    def __init__(self, answer: bool) -> None:
        self.answer = answer
        self.asked: list[tuple[object, str, Claim]] = []

    def __call__(self, kind: object, hook: Hook, claim: Claim) -> bool:
        self.asked.append((kind, hook.id, claim))
        return self.answer


@pytest.mark.parametrize("kind", [REGISTRATION, EVENTS])
async def test_a_hook_with_our_name_that_somebody_else_made_is_left_alone_and_ours_gets_a_suffix(
    board: HookBoard, kind: HookKind
) -> None:
    board.hooks = {}
    others = hook(kind, "others", uri=OTHERS_URL)
    board.put(kind, others)
    asking = Asking(True)
    await register(board, KnownHooks(), approve=asking)
    assert board.hooks["others"] == (kind, others)
    assert asking.asked == []
    assert ("create", f"{kind.label} (service.example.com)") in board.calls


@pytest.mark.parametrize("kind", [REGISTRATION, EVENTS])
async def test_a_hook_with_our_path_on_another_host_is_left_alone(board: HookBoard, kind: HookKind) -> None:
    board.hooks = {}
    others = hook(kind, "others", uri="https://staging.example.com" + kind.path, name="Staging")
    board.put(kind, others)
    await register(board, KnownHooks())
    assert board.hooks["others"] == (kind, others)


async def test_a_third_hook_of_a_name_gets_a_number() -> None:
    taken = frozenset({EVENTS.label, f"{EVENTS.label} (service.example.com)"})
    assert free_name(EVENTS, URL, taken) == f"{EVENTS.label} (service.example.com) 2"


@pytest.mark.parametrize("kind", list(HookKind))
async def test_a_hook_with_exactly_our_url_counts_as_ours_once_the_operator_agrees(
    board: HookBoard, kind: HookKind
) -> None:
    board.hooks = {}
    board.put(kind, hook(kind, "others"))
    asking, known = Asking(True), KnownHooks()
    await register(board, known, approve=asking)
    assert asking.asked == [(kind, "others", Claim.OUR_URL)]
    assert await known.ids(kind) == {"others"}
    again = Asking(False)
    await register(board, known, approve=again)
    assert again.asked == []


@pytest.mark.parametrize("kind", list(HookKind))
async def test_a_hook_with_exactly_our_url_that_the_operator_does_not_give_up_changes_nothing(
    board: HookBoard, kind: HookKind
) -> None:
    board.hooks = {}
    board.put(kind, hook(kind, "others"))
    with pytest.raises(NotApproved, match=f"others, {URL}{kind.path}"):
        await register(board, KnownHooks(), approve=Asking(False))
    assert board.changes == []


@pytest.mark.parametrize("answer", ALL_ANSWERS)
async def test_another_service_s_password_import_hook_is_replaced_only_after_asking(
    board: HookBoard, answer: bool
) -> None:
    board.hooks = {}
    board.put(PASSWORD, hook(PASSWORD, "others", uri=OTHERS_URL, name="CRM"))
    asking = Asking(answer)
    if answer:
        await register(board, KnownHooks(), approve=asking)
    else:
        with pytest.raises(NotApproved, match=OTHERS_URL):
            await register(board, KnownHooks(), approve=asking)
        assert board.changes == []
    assert asking.asked == [(PASSWORD, "others", Claim.ONLY_ONE)]
    assert (board.hooks["others"][1].uri == OTHERS_URL) is not answer


async def test_a_hook_that_we_made_is_moved_to_a_new_address_without_asking(board: HookBoard) -> None:
    old = "https://old.example.com"
    for kind in HookKind:
        board.put(kind, hook(kind, uri=old + kind.path))
    asking = Asking(False)
    await register(board, approve=asking)
    assert asking.asked == []
    assert {each.uri for _, each in board.hooks.values()} == {URL + kind.path for kind in HookKind}


async def test_beside_a_hook_of_ours_another_one_with_our_url_is_left_alone(board: HookBoard) -> None:
    known = KnownHooks(board)
    twin = hook(EVENTS, "twin", name="Twin")
    board.put(EVENTS, twin)
    await register(board, known, approve=Asking(False))
    assert board.hooks["twin"] == (EVENTS, twin)


async def test_rotating_touches_no_hook_that_somebody_else_made(board: HookBoard) -> None:
    known = KnownHooks(board)
    for kind in (REGISTRATION, EVENTS):
        board.put(kind, hook(kind, f"{kind.label} of others", uri="https://other.example.com" + kind.path))
    before = {own: each for own, each in board.hooks.items() if own.endswith("others")}
    await rotate_secret(board, known, FakeService(), WANTED, overlap=0.0)
    assert {own: each for own, each in board.hooks.items() if own.endswith("others")} == before
    assert not [call for call in board.changes if call[1].endswith("others")]


async def test_rotating_does_not_set_the_secret_of_another_service_s_password_import_hook(board: HookBoard) -> None:
    board.hooks = {}
    board.put(PASSWORD, hook(PASSWORD, "others", uri=OTHERS_URL))
    asking = Asking(True)
    rotated = await rotate_secret(board, KnownHooks(), FakeService(), WANTED, overlap=0.0, approve=asking)
    assert (board.changes, asking.asked) == ([], [])
    assert (Fault.MISSING, PASSWORD) in named(rotated.findings)


@pytest.mark.parametrize("answer", ALL_ANSWERS)
async def test_rotating_asks_about_hooks_with_our_url_before_it_changes_any(board: HookBoard, answer: bool) -> None:
    known, asking = KnownHooks(), Asking(answer)
    if answer:
        await rotate_secret(board, known, FakeService(), WANTED, overlap=0.0, approve=asking)
        assert [kind for kind, *_ in asking.asked] == list(HookKind)
        assert OLD not in board.hooks
    else:
        with pytest.raises(NotApproved):
            await rotate_secret(board, known, FakeService(), WANTED, overlap=0.0, approve=asking)
        assert board.changes == []


async def test_ids_of_another_org_or_of_another_kind_make_no_hook_ours(database: Database) -> None:
    ours = StoredOwnership(database, "one.okta.com")
    await ours.add(EVENTS, "who1")
    await ours.add(EVENTS, "who1")
    assert await ours.ids(EVENTS) == {"who1"}
    assert await ours.ids(PASSWORD) == frozenset()
    assert await StoredOwnership(database, "two.okta.com").ids(EVENTS) == frozenset()
    await ours.remove(EVENTS, "who1")
    assert await ours.ids(EVENTS) == frozenset()


# The address


@pytest.mark.parametrize(
    "service, fault",
    [
        (FakeService(down=frozenset({URL})), Fault.NOT_SEEN_FROM_HERE),
        (FakeService(refusing=frozenset({EVENTS})), Fault.SECRET_UNKNOWN),
        (FakeService(refusing=frozenset({REGISTRATION})), Fault.SECRET_UNKNOWN),
    ],
    ids=["nothing answers", "another event secret", "another secret"],
)
async def test_an_address_at_which_the_service_does_not_answer_is_refused(service: FakeService, fault: Fault) -> None:
    with pytest.raises(AddressUnusable) as caught:
        await probe_address(service, WANTED)
    assert {each.fault for each in caught.value.findings} == {fault}


async def test_a_service_that_is_not_ready_yet_may_be_registered(board: HookBoard) -> None:
    class Empty(FakeService):
        async def call(self, url: str, headers: Mapping[str, str], payload: Mapping[str, Any] | None = None) -> Called:
            return Called(503) if payload else await super().call(url, headers, payload)

    await probe_address(Empty(), WANTED)


# The check


async def test_an_org_as_it_should_be_has_no_findings(board: HookBoard) -> None:
    assert await check(board) == []
    assert ("verify", OLD) in board.calls


async def test_the_event_hook_of_a_service_that_does_not_answer_is_not_verified(board: HookBoard) -> None:
    """A failed verification may disable the event hook."""
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


@pytest.mark.parametrize("verified", [True, False])
def test_a_check_that_verified_nothing_does_not_claim_to(verified: bool, capsys: pytest.CaptureFixture[str]) -> None:
    assert say([], as_json=False, verified=verified) == 0
    assert ("was not verified" in capsys.readouterr().out) is not verified


async def test_an_execution_without_an_answer_is_a_finding_and_the_check_goes_on(board: HookBoard) -> None:
    board.faults["execute"] = NoAnswer("no answer")
    assert named(await check(board)) == {(Fault.UNREACHABLE, PASSWORD), (Fault.UNREACHABLE, REGISTRATION)}
    assert ("verify", OLD) in board.calls


@pytest.mark.parametrize("call", ["list", "log", "execute", "verify"])
async def test_a_call_that_our_credentials_may_not_make_is_named_so(board: HookBoard, call: str) -> None:
    board.faults[call] = NOT_ALLOWED
    found = await check(board)
    assert {each.fault for each in found} == {Fault.FORBIDDEN}


@pytest.mark.parametrize("call", ["list", "log", "execute", "verify"])
async def test_refused_proofs_are_one_finding_that_names_the_setting(board: HookBoard, call: str) -> None:
    board.faults[call] = ProofRefused(400, "invalid_dpop_proof", [SETTING])
    (found,) = await check(board)
    assert (found.fault, found.kind) == (Fault.PROOF_REFUSED, None)
    assert "Require Demonstrating Proof of Possession" in found.detail
    assert "General Settings" in found.fault.remedy


@pytest.mark.parametrize("call", ["list", "log"])
async def test_a_call_that_okta_refuses_otherwise_ends_the_check(board: HookBoard, call: str) -> None:
    board.faults[call] = Refused(400, INVALID)
    with pytest.raises(Refused):
        await check(board)


async def test_a_warning_keeps_okta_from_being_asked_to_call_no_hook(board: HookBoard) -> None:
    board.put(EVENTS, hook(EVENTS, events=(*hook(EVENTS).events, "user.session.start")))
    assert named(await check(board)) == {(Fault.EXTRA_EVENTS, EVENTS)}
    assert ("verify", OLD) in board.calls


# The kinds of faults


def test_the_clock_may_be_a_minute_off_either_way() -> None:
    assert not any(list(clock_fault(ahead)) for ahead in (None, 0.0, 60.0, -60.0))
    said = [finding.detail for ahead in (61.0, -61.0) for finding in clock_fault(ahead)]
    assert said == ["this machine is 61 s behind Okta", "this machine is 61 s ahead of Okta"]


def test_a_certificate_is_reported_three_weeks_before_its_end() -> None:
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

"""A policy of rules and code: the rules are applied first, and the code decides what they leave undecided."""

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.okta.registration import parse_request
from service.registration.evaluate import judge
from service.registration.parse import load_policy
from service.registration.policy import Policy
from service.registration.queries import LegacyProfile
from service.registration.screen import RegistrationScreener, Screening
from service.registration.toml_document import FaultyPolicy
from service.telemetry import Telemetry
from tests.registration.asking import EXAMPLES, JO, call, is_denied, registration, update
from tests.registration.test_code_policy import Store

HEAD = 'code = "company_rules:screen"\n'
RULES = """
[[rule]]
name = "blocked"
for = "registration"
when.country.equals = "XX"
deny = true

[[rule]]
name = "tester"
for = "registration"
when.tester.equals = true
allow = true

[[rule]]
name = "sets"
for = "registration"
set = { a = "rule", b = "rule" }
"""
CODE = """
from service.registration import Allow, Deny, Kind
from company_words import WORD

async def screen(request):
    if request.profile.get("lastName") == "Refused":
        return Deny("Refused.")
    return Allow(({"b": WORD, "kind": str(request.kind)},))
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write a policy of rules and code to a folder outside Python's path."""
    monkeypatch.setattr("sys.path", [*sys.path])
    monkeypatch.setattr("service.registration.code_policy._helpers", {})
    for name in ("company_rules", "company_words"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    (tmp_path / "policy.toml").write_text(HEAD + RULES)
    (tmp_path / "company_rules.py").write_text(CODE)
    (tmp_path / "company_words.py").write_text('WORD = "code"\n')
    return tmp_path


@pytest.fixture
def screener(folder: Path) -> Iterator[RegistrationScreener]:
    made = RegistrationScreener(load_policy(str(folder / "policy.toml")), Store(), Telemetry())
    yield made
    made.close()


def load_again(screener: RegistrationScreener, folder: Path) -> None:
    screener.replace_policy(load_policy(str(folder / "policy.toml"), again=True))


async def screened(policy: Policy, body: bytes, *found: LegacyProfile) -> Screening:
    screener = RegistrationScreener(policy, Store(*found), Telemetry())
    try:
        return await screener.screen(parse_request(body))
    finally:
        screener.close()


def commands(screening: Screening) -> list[object]:
    return [command["value"] for command in json.loads(screening.answer or b"{}").get("commands", [])]


async def test_code_decides_and_sets_after_the_rules(folder: Path) -> None:
    policy = load_policy(str(folder / "policy.toml"))
    allowed = await screened(policy, registration(JO))
    assert commands(allowed) == [{"a": "rule", "b": "rule"}, {"b": "code", "kind": "registration"}]
    denied = await screened(policy, registration(JO | {"lastName": "Refused"}))
    assert json.loads(denied.answer or b"")["error"] == {"errorSummary": "Refused."}
    assert [step.outcome for step in denied.judgement.steps] == ["not_met", "not_met", "nothing_set", "denied"]


@pytest.mark.parametrize("decided, outcome", [({"country": "XX"}, "DENY"), ({"tester": True}, "ALLOW")])
async def test_code_is_not_asked_where_a_rule_has_decided(
    folder: Path, decided: dict[str, object], outcome: str
) -> None:
    policy = load_policy(str(folder / "policy.toml"))
    screening = await screened(policy, registration(JO | {"lastName": "Refused"} | decided))
    assert commands(screening) == [{"registration": outcome}]
    assert (screening.judgement.steps[-1].rule, screening.judgement.steps[-1].outcome) == (
        "company_rules:screen",
        "not_reached",
    )


async def test_code_is_not_asked_about_known_people_who_are_denied(folder: Path) -> None:
    (folder / "policy.toml").write_text(HEAD + 'known_accounts = "deny"\n')
    screening = await screened(load_policy(str(folder / "policy.toml")), registration(JO), LegacyProfile("jo", {}))
    assert commands(screening) == [{"registration": "DENY"}]


@pytest.mark.parametrize("allows", [False, True])
async def test_code_is_asked_about_unknown_types_only_where_the_file_allows_them(folder: Path, allows: bool) -> None:
    (folder / "policy.toml").write_text(HEAD + ('unknown_request_types = "allow"\n' if allows else "") + RULES)
    screening = await screened(load_policy(str(folder / "policy.toml")), call("self.service.party"))
    assert commands(screening) == ([] if allows else [{"registration": "DENY"}])


async def test_loading_again_brings_the_code_and_its_helpers_as_they_are_now(
    screener: RegistrationScreener, folder: Path
) -> None:
    before = await screener.screen(parse_request(update({"a": 1})))
    (folder / "company_words.py").write_text('WORD = "new!"\n')
    load_again(screener, folder)
    after = await screener.screen(parse_request(update({"a": 1})))
    assert [commands(each) for each in (before, after)] == [
        [{"b": word, "kind": "update"}] for word in ("code", "new!")
    ]


@pytest.mark.parametrize(
    "name, text",
    [
        ("company_rules.py", "syntax error"),
        ("company_rules.py", "raise SystemExit(1)"),
        ("company_rules.py", "import company_words, nowhere_to_be_found"),
        ("company_rules.py", "screen = None"),
        ("company_words.py", "WORD ="),
        ("company_words.py", "PHRASE = 1"),
        ("policy.toml", "code = 5"),
    ],
)
async def test_faulty_code_is_not_taken_and_the_old_stays_whole(
    screener: RegistrationScreener, folder: Path, name: str, text: str
) -> None:
    right = (folder / name).read_text()
    (folder / name).write_text(text)
    with pytest.raises(FaultyPolicy):
        load_again(screener, folder)
    assert commands(await screener.screen(parse_request(update({})))) == [{"b": "code", "kind": "update"}]
    (folder / name).write_text(right)
    (folder / "company_words.py").write_text('WORD = "new!"\n')
    load_again(screener, folder)
    assert commands(await screener.screen(parse_request(update({})))) == [{"b": "new!", "kind": "update"}]


async def test_call_that_is_being_screened_ends_by_the_policy_that_it_began_with(
    screener: RegistrationScreener, folder: Path
) -> None:
    (folder / "company_rules.py").write_text(
        "import asyncio\nfrom service.registration import Allow\nbegun = asyncio.Event()\ngo = asyncio.Event()\n"
        "async def screen(request):\n    begun.set()\n    await go.wait()\n    return Allow(({'a': 'old'},))\n"
    )
    load_again(screener, folder)
    policy = screener.policy
    assert policy is not None
    assert policy.code is not None
    module = policy.code._function.__globals__
    asking = asyncio.create_task(screener.screen(parse_request(update({}))))
    await asyncio.sleep(0)
    loop = policy.code._loop
    assert loop is not None
    await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(module["begun"].wait(), loop))
    (folder / "company_rules.py").write_text(CODE)
    load_again(screener, folder)
    loop.call_soon_threadsafe(module["go"].set)
    assert commands(await asking) == [{"a": "old"}]


def test_code_of_a_file_that_cannot_be_used_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text('\ncode = "no_such_module:screen"\n')
    with pytest.raises(
        FaultyPolicy, match=r"policy.toml: line 2: no_such_module:screen: there is no module no_such_module"
    ):
        load_policy(str(tmp_path / "policy.toml"))


# The examples.


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.toml")), ids=lambda path: path.name)
def test_example_has_no_fault(path: Path) -> None:
    assert isinstance(load_policy(str(path)), Policy)


async def example(name: str, body: bytes, *found: LegacyProfile) -> object:
    """Return the policy's decision on a request: DENY, or the values that it sets as one dictionary."""
    named = name if ":" in name else str(EXAMPLES / f"{name}.toml")
    screening = await screened(load_policy(named), body, *found)
    answered = json.loads(screening.answer or b"{}")
    if is_denied(answered):
        return "DENY"
    return {name: value for command in commands(screening) for name, value in dict(command).items()}  # type: ignore[call-overload]


def jo(**profile: object) -> bytes:
    return registration(JO | profile)


MEMBER = LegacyProfile("m", {"memberNumber": "123456", "lastName": "DOE ", "branch": "Graz"})
INVITED = "examples.registration.code_policy:screen"


@pytest.mark.parametrize(
    "name, body, found, expected",
    [
        ("one-domain", jo(), [], {"registration": "ALLOW"}),
        ("one-domain", jo(email="jo@example.com.evil.test"), [], "DENY"),
        ("employee-number", update({"employeeNumber": "1234"}), [], {"employeeNumber": "1234"}),
        ("employee-number", update({"employeeNumber": "1234\n"}), [], "DENY"),
        ("known-accounts", jo(), [MEMBER], "DENY"),
        ("known-accounts", jo(), [], {}),
        ("complete-from-legacy", jo(), [LegacyProfile("jo", {"costCenter": "7", "x": 1})], {"costCenter": "7"}),
        ("domain-list", jo(), [], {}),
        ("domain-list", jo(email="jo@a.b.example.com"), [], {}),
        ("domain-list", jo(email="jo@xn--bcher-kva.example"), [], {}),
        ("domain-list", jo(email="jo@a.partner.example"), [], "DENY"),
        ("domain-list", jo(email="jo@x@partner.example"), [], "DENY"),
        ("domain-list", jo(email=None), [], "DENY"),
        ("domain-list", update({"a": 1}), [], {}),
        ("user-type-by-domain", jo(), [], {"userType": "employee", "organization": "Example Inc."}),
        ("user-type-by-domain", jo(email="jo@partner.example"), [], {"userType": "partner"}),
        ("user-type-by-domain", jo(email="jo@x@example.com"), [], {"userType": "customer"}),
        ("member-number", jo(memberNumber="123456"), [MEMBER], {"userType": "member", "branch": "Graz"}),
        ("member-number", jo(memberNumber="123456", lastName="Roe"), [MEMBER], "DENY"),
        ("member-number", jo(memberNumber="123456", lastName=""), [LegacyProfile("m", {})], "DENY"),
        ("member-number", jo(memberNumber="123456"), [MEMBER, MEMBER], "DENY"),
        ("member-number", jo(memberNumber="123456"), [], "DENY"),
        ("member-number", jo(memberNumber="12345"), [MEMBER], "DENY"),
        ("generated-id", jo(customerNumber="C-1"), [], "DENY"),
        ("generated-id", update({"a": 1}), [], {}),
        (
            "rewritten-login",
            jo(email="JO@Example.com"),
            [],
            {"login": "jo@example.com", "displayName": "Jo Doe"},
        ),
        ("rewritten-login", jo(displayName="JD", email=""), [], {}),
        ("reserved-names", jo(nickName="The\nADMIN"), [], "DENY"),
        ("reserved-names", jo(displayName="sup\u200bport"), [], "DENY"),
        ("reserved-names", jo(email="jo@x.mailinator.com"), [], "DENY"),
        ("reserved-names", jo(nickName="Jo"), [], {}),
        (INVITED, jo(invitation="A7K2"), [], {"userType": "invited"}),
        (INVITED, jo(invitation="B3M9"), [], "DENY"),
        (INVITED, jo(), [], "DENY"),
        (INVITED, update({"a": 1}), [], {}),
    ],
)  # fmt: skip
async def test_example_decides(name: str, body: bytes, found: list[LegacyProfile], expected: object) -> None:
    assert await example(name, body, *found) == expected


async def test_generated_ids_differ() -> None:
    numbers = [await example("generated-id", jo()) for _ in range(2)]
    assert numbers[0] != numbers[1]


def test_judging_the_rules_alone_leaves_the_code_out(folder: Path) -> None:
    policy = load_policy(str(folder / "policy.toml"))
    assert len(judge(policy, parse_request(registration(JO))).steps) == 3

"""People whom the legacy store knows: denied or completed only if the policy says so."""

import pytest

from service.okta.registration import Allow, Deny, Kind, parse_request
from service.registration.evaluate import judge
from service.registration.parse import read_policy
from tests.registration.asking import JO, NOTHING, answer, is_denied, registration, update

LEGACY = {"login": "jo@example.com", "email": "old@example.com", "password": "x", "phone": "1", "team": "A", "fax": ""}


def updated(text: str, profile: dict[str, object]) -> list[object]:
    answered = answer(text, registration(profile), LEGACY)
    return [command["value"] for command in answered["commands"]]


def test_nobody_is_denied_for_being_known_unless_the_policy_says_so() -> None:
    assert answer('unknown_request_types = "deny"\n', registration(JO), LEGACY) == NOTHING


def test_one_line_denies_people_we_know() -> None:
    denied = answer('known_accounts = "deny"\n', registration(JO), LEGACY)
    assert is_denied(denied)
    assert "Sign in with the password" in denied["error"]["errorCauses"][0]["errorSummary"]
    assert answer('known_accounts = "deny"\n', registration(JO), None) == NOTHING


def test_updates_of_people_we_know_are_not_denied() -> None:
    assert answer('known_accounts = "deny"\n', update({"phone": "2"}), LEGACY) == NOTHING


@pytest.mark.parametrize(
    "written, expected",
    [
        ("deny = true", ("You already have an account.", "ACCOUNT_EXISTS", "email")),
        ("deny = { location = 'login' }", ("You already have an account.", "ACCOUNT_EXISTS", "login")),
        ("deny = { summary = 'S', reason = 'R' }", ("S", "R", "email")),
        ("deny = 'S'", ("S", "ACCOUNT_EXISTS", "email")),
    ],
)
def test_words_of_the_denial_can_be_chosen(written: str, expected: tuple[str, str, str]) -> None:
    error = answer(f"[known_accounts]\n{written}\n", registration(JO), LEGACY)["error"]
    cause = error["errorCauses"][0]
    assert expected == (error["errorSummary"], cause["reason"], cause["location"].removeprefix("data.userProfile."))


def test_stranger_to_the_policy_is_not_told_that_the_account_exists() -> None:
    text = 'known_accounts = "deny"\n[[rule]]\nname = "it"\nfor = "registration"\ndeny = true\n'
    assert "error" not in answer(text, registration(JO), LEGACY)


def test_allow_does_not_skip_known_accounts() -> None:
    text = 'known_accounts = "deny"\n[[rule]]\nname = "it"\nfor = "registration"\nallow = true\n'
    assert is_denied(answer(text, registration(JO), LEGACY))


def test_profile_is_completed_with_what_the_person_left_out() -> None:
    assert updated('known_accounts = "complete"\n', JO | {"team": "B"}) == [{"phone": "1"}]
    assert updated('known_accounts = "complete"\n', JO | {"team": " "}) == [{"phone": "1", "team": "A"}]


def test_only_listed_attributes_are_completed_where_a_list_is_given() -> None:
    assert updated('known_accounts.complete = ["team", "fax", "absent"]\n', JO) == [{"team": "A"}]


def test_sensitive_attributes_and_those_that_a_rule_has_set_are_not_completed() -> None:
    rule = '[[rule]]\nname = "it"\nfor = "registration"\nset.team = "C"\n'
    text = f'known_accounts = "complete"\nsensitive = ["phone"]\n{rule}'
    assert updated(text, JO) == [{"team": "C"}]


def test_rule_can_ask_whether_the_person_is_known() -> None:
    text = '[[rule]]\nname = "it"\nfor = "both"\nwhen.known_account = true\nset.number = { copy = "legacy.phone" }\n'
    assert updated(text, JO) == [{"number": "1"}]
    assert answer(text, registration(JO), None) == NOTHING


@pytest.mark.parametrize(
    "text, kinds",
    [
        ('known_accounts = "deny"\n', {Kind.REGISTRATION}),
        ('[[rule]]\nname = "it"\nfor = "both"\nwhen.email.sent = true\ndeny = true\n', set()),
        (
            '[[rule]]\nname = "it"\nfor = "update"\nunless.any = [{ known_account = true }]\ndeny = true\n',
            {Kind.UPDATE},
        ),
        ('[[rule]]\nname = "it"\nfor = "update"\nwhen."legacy.a".sent = true\nallow = true\n', {Kind.UPDATE}),
        ('[[rule]]\nname = "it"\nfor = "both"\nset.a = { copy = "legacy.a" }\n', {Kind.REGISTRATION, Kind.UPDATE}),
    ],
)
def test_store_is_asked_only_where_the_policy_asks_it(text: str, kinds: set[Kind]) -> None:
    policy = read_policy(text)
    assert kinds == {kind for kind in Kind if policy.asks_legacy_store(kind)}


@pytest.mark.parametrize(
    "profile", [{"email": ["jo@example.com"]}, {"login": {"a": 1}}, {"login": 5}, {"email": "jo@x@example.com"}]
)
def test_person_who_cannot_be_looked_up_is_denied_without_a_word(profile: dict[str, object]) -> None:
    denied = answer('known_accounts = "deny"\n', registration(JO | profile), None)
    assert denied == {"commands": [{"type": "com.okta.action.update", "value": {"registration": "DENY"}}]}
    text = '[[rule]]\nname = "it"\nfor = "registration"\n{} = {}\ndeny = true\n'
    for condition, expected in (("when.known_account", "true"), ("unless.known_account", "true")):
        assert is_denied(answer(text.format(condition, expected), registration(JO | profile), None))


def test_login_needs_not_be_an_address() -> None:
    assert answer('known_accounts = "deny"\n', registration({"login": "jo"}), None) == NOTHING


ONLY_EMPLOYEES = """
[[rule]]
name = "employees"
for = "update"
unless = { "legacy.team" = { equals = "A" } }
deny = true
"""


def judged(text: str, body: bytes, *, migrated: bool) -> Deny | Allow:
    request = parse_request(body)
    legacy = {} if migrated else LEGACY | {"team": "B"}
    return judge(read_policy(text), request, legacy, migrated=migrated).decision


def test_migrated_person_is_denied_where_the_policy_would_complete_the_profile() -> None:
    assert isinstance(judged('known_accounts = "complete"\n', registration(JO), migrated=True), Deny)
    assert isinstance(judged('known_accounts = "complete"\n', registration(JO), migrated=False), Allow)


def test_absence_of_a_migrated_person_s_attributes_alone_denies_nothing() -> None:
    assert isinstance(judged(ONLY_EMPLOYEES, update({"phone": "2"}), migrated=True), Allow)
    assert isinstance(judged(ONLY_EMPLOYEES, update({"phone": "2"}), migrated=False), Deny)

"""Okta's sample requests get the answers that Okta documents for them."""

import json
from typing import Any

import pytest

from tests.registration.asking import NOTHING, answer, example, sample

REGISTRATIONS = (
    "ssr.request.json",
    "ssr.request.reference.json",
    "ssr.request.openapi.json",
    "ssr.request.oie-upgrade-guide.json",
    "classic.request.json",
)
UPDATES = (
    "progressive.request.json",
    "progressive.request.reference.json",
    "progressive.request.openapi.json",
    "progressive.request.oie-upgrade-guide.json",
)


def documented(name: str) -> dict[str, Any]:
    return dict(json.loads(sample(name)))


@pytest.mark.parametrize("request_name", REGISTRATIONS)
def test_registration_from_the_right_domain_is_allowed_in_words(request_name: str) -> None:
    allow = json.loads(sample("ssr.response.allow.openapi.TYPO.json").replace(b"com.action", b"com.okta.action"))
    assert allow == answer(example("one-domain.toml"), sample(request_name))


@pytest.mark.parametrize("request_name", REGISTRATIONS)
def test_registration_from_another_domain_is_denied_as_documented(request_name: str) -> None:
    elsewhere = sample(request_name).replace(b"@example.com", b"@example.com.evil.test")
    assert documented("ssr.response.deny.json") == answer(example("one-domain.toml"), elsewhere)


@pytest.mark.parametrize("request_name", UPDATES)
def test_employee_number_with_four_digits_is_sent_back_as_it_came(request_name: str) -> None:
    expected = documented("progressive.response.update.json")
    sent = json.loads(sample(request_name))["data"]["userProfileUpdate"]
    expected["commands"][0]["value"] = sent
    assert expected == answer(example("employee-number.toml"), sample(request_name))


@pytest.mark.parametrize("request_name", UPDATES)
def test_employee_number_with_five_digits_is_denied_as_documented(request_name: str) -> None:
    longer = sample(request_name).replace(b"1234", b"12345")
    assert documented("progressive.response.deny.json") == answer(example("employee-number.toml"), longer)


@pytest.mark.parametrize("request_name", REGISTRATIONS + UPDATES)
def test_both_policies_of_the_guide_fit_into_one_file(request_name: str) -> None:
    assert answer(example("guide.toml"), sample(request_name)) == NOTHING


@pytest.mark.parametrize("request_name", REGISTRATIONS)
def test_denial_without_words_is_the_documented_one(request_name: str) -> None:
    closed = '[[rule]]\nname = "closed"\nfor = "registration"\ndeny = true\n'
    assert documented("response.action-deny.json") == answer(closed, sample(request_name))
    assert documented("classic.response.deny.json") == answer(closed, sample(request_name))


def test_classic_error_has_the_documented_cause() -> None:
    policy = """
    [[rule]]
    name = "domain"
    for = "registration"
    unless.login.domain = "example.org"
    [rule.deny]
    summary = "Errors were found in the user profile"
    message = "You specified an invalid email domain"
    reason = "INVALID_EMAIL_DOMAIN"
    """
    expected = documented("classic.response.error-only.json")["error"]
    assert expected == answer(policy, sample("classic.request.json"))["error"]


def test_one_rule_is_one_update_command() -> None:
    policy = """
    [[rule]]
    name = "both"
    for = "registration"
    set = { middleName = "Danger", customerId = 12345 }
    """
    assert documented("response.profile-update.one-command.json") == answer(policy, sample("ssr.request.json"))


def test_two_rules_are_two_update_commands() -> None:
    policy = """
    [[rule]]
    name = "name"
    for = "registration"
    set.middleName = "Danger"
    [[rule]]
    name = "number"
    for = "registration"
    set.customerId = 12345
    """
    assert documented("response.profile-update.two-commands.json") == answer(policy, sample("ssr.request.json"))


def test_login_is_overridden_as_documented() -> None:
    policy = '[[rule]]\nname = "login"\nfor = "registration"\nset.login = "first.last@example.com"\n'
    assert documented("ssr.response.update-profile.json") == answer(policy, sample("ssr.request.json"))

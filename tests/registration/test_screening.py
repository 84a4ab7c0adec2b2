"""Screening combines the policy with the legacy store, and counts without identifying a person."""

from collections.abc import Sequence

import pytest
import structlog

from service.okta.registration import parse_request
from service.registration.parse import read_policy
from service.registration.queries import LegacyProfile
from service.registration.screen import Decided, RegistrationScreener
from service.telemetry import Telemetry
from tests.registration.asking import EMAIL, JO, call, registration, update

COMPLETE = 'known_accounts = "complete"\n'
DENY_LONG = '[[rule]]\nname = "short"\nfor = "both"\nunless.nickName.length = { max = 9 }\ndeny = "Too long."\n'
SET = '[[rule]]\nname = "sets"\nfor = "registration"\nset.nickName = "x"\n'
COPY = '[[rule]]\nname = "copies"\nfor = "registration"\nset.a = { copy = "locale" }\n'


class Store:
    """A legacy store whose results a test determines."""

    def __init__(self, *found: LegacyProfile) -> None:
        self.found = found
        self.asked: list[list[str]] = []

    async def by_names(self, names: Sequence[str]) -> Sequence[LegacyProfile]:
        self.asked.append(list(names))
        return self.found

    async def by_attribute(self, attribute: str, value: str) -> Sequence[LegacyProfile]:
        raise AssertionError(attribute, value)


def screener(text: str | None, store: Store) -> RegistrationScreener:
    return RegistrationScreener(read_policy(text) if text else None, store, Telemetry())


async def test_without_a_policy_there_is_nothing_to_say() -> None:
    store = Store()
    screening = await screener(None, store).screen(parse_request(registration(JO)))
    assert (screening.answer, screening.decided, store.asked) == (None, Decided.ALLOWED, [])


async def test_store_is_asked_for_login_and_email_of_the_form() -> None:
    store = Store()
    await screener(COMPLETE, store).screen(parse_request(registration({"login": "jo", "email": "Jo@Example.com"})))
    assert store.asked == [["jo", "Jo@Example.com"]]


async def test_store_is_asked_for_who_updates_and_not_for_what_they_typed() -> None:
    store = Store()
    text = '[[rule]]\nname = "it"\nfor = "update"\nset.a = { copy = "legacy.a" }\n'
    body = update({"email": "victim@example.com"}, user={"login": "jo@example.com", "email": "jo@mail.test"})
    await screener(text, store).screen(parse_request(body))
    assert store.asked == [["jo@example.com", "jo@mail.test"]]


@pytest.mark.parametrize("profile", [{}, {"login": "", "email": None}, {"login": ["jo"], "email": 5}])
async def test_store_is_not_asked_for_nobody(profile: dict[str, object]) -> None:
    store = Store()
    await screener(COMPLETE, store).screen(parse_request(registration(profile)))
    assert store.asked == []


async def test_nothing_is_copied_where_two_accounts_fit() -> None:
    store = Store(LegacyProfile("a", {"phone": "1"}), LegacyProfile("b", {"phone": "2"}))
    screening = await screener(COMPLETE, store).screen(parse_request(registration(JO)))
    assert screening.answer is None
    denying = await screener('known_accounts = "deny"\n', store).screen(parse_request(registration(JO)))
    assert denying.decided is Decided.DENIED


async def test_login_of_the_legacy_account_can_be_copied() -> None:
    store = Store(LegacyProfile("Jo.Doe", {}))
    text = '[[rule]]\nname = "it"\nfor = "registration"\nset.oldLogin = { lower = "legacy.login" }\n'
    screening = await screener(text, store).screen(parse_request(registration(JO)))
    assert screening.answer is not None
    assert b'{"oldLogin": "jo.doe"}' in screening.answer


async def test_decisions_are_counted_by_rule_and_logged_without_what_was_submitted() -> None:
    screening = screener(DENY_LONG, Store())
    with structlog.testing.capture_logs() as logs:
        await screening.screen(parse_request(registration(JO | {"nickName": "marked-value"})))
        await screening.screen(parse_request(registration(JO | {"nickName": "jo"})))
    metrics = screening._telemetry.exposition().decode()
    assert 'password_import_registrations_total{decision="denied",kind="registration"} 1.0' in metrics
    assert 'password_import_registrations_total{decision="allowed",kind="registration"} 1.0' in metrics
    assert 'password_import_registration_rules_total{outcome="denied",rule="short"} 1.0' in metrics
    assert [(line["decision"], line["rule"]) for line in logs] == [("denied", ["short"]), ("allowed", [])]
    assert "marked-value" not in repr(logs) + metrics
    assert EMAIL not in repr(logs) + metrics


@pytest.mark.parametrize(
    "text, outcomes",
    [
        (COPY, ["nothing_set"]),
        (COMPLETE, ["nothing_set"]),
        (SET + DENY_LONG, ["nothing_set", "denied"]),
        (SET, ["set"]),
        (SET.replace("x", "a" * 10), ["set"]),  # the command also contains values that the person sent already
    ],
)
async def test_rule_is_reported_and_counted_as_set_only_where_the_answer_has_its_command(
    text: str, outcomes: list[str]
) -> None:
    screening = screener(text, Store(LegacyProfile("jo", {"phone": " "})))
    screened = await screening.screen(parse_request(registration(JO | {"nickName": "a" * 10})))
    assert outcomes == [step.outcome for step in screened.judgement.steps]
    is_set = "set" in outcomes
    assert (b"com.okta.user.profile.update" in (screened.answer or b"")) is is_set
    assert (b'registration_rules_total{outcome="set"' in screening._telemetry.exposition()) is is_set
    assert b'outcome="nothing_set"' not in screening._telemetry.exposition()


async def test_unknown_type_is_counted_and_logged() -> None:
    screening = screener(DENY_LONG, Store())
    with structlog.testing.capture_logs() as logs:
        await screening.screen(parse_request(call("self.service.party")))
    assert ("unknown_request_type", "warning", "self.service.party") in [
        (line["event"], line["log_level"], line["kind"]) for line in logs
    ]
    assert b'{decision="denied",kind="unknown"} 1.0' in screening._telemetry.exposition()

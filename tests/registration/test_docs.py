"""The examples of docs/registration.md are correct: every policy is valid, and gives the answer shown below it."""

import json
import re
from collections.abc import Iterator

import pytest

from service.registration.parse_conditions import TESTS
from tests.registration.asking import NOTHING, ROOT, answer, registration, update

TEXT = (ROOT / "docs" / "registration.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(toml|json submitted[^\n]*|json answer)\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)


def answers() -> Iterator[tuple[str, str, str, str]]:
    """Yield every policy with the request and the answer that the docs show."""
    policy, how, submitted = "", "", ""
    for info, content in BLOCKS:
        if info == "toml":
            policy = content
        elif info == "json answer":
            yield policy, how, submitted, content
        else:
            how, submitted = info.removeprefix("json submitted").strip(), content


@pytest.mark.parametrize("policy", [content for info, content in BLOCKS if info == "toml"])
def test_policy_in_the_docs_has_no_fault(policy: str) -> None:
    answer(policy, registration({}))


@pytest.mark.parametrize("policy, how, submitted, expected", list(answers()))
def test_answer_in_the_docs_is_the_one_that_okta_gets(policy: str, how: str, submitted: str, expected: str) -> None:
    profile = json.loads(submitted)
    legacy = json.loads(how.removeprefix("legacy") or "{}") if how.startswith("legacy") else None
    body = update(profile) if how == "update" else registration(profile)
    assert (json.loads(expected) or NOTHING) == answer(policy, body, legacy)


def test_docs_promise_answers() -> None:
    assert len(list(answers())) >= 11


def test_docs_list_every_test_of_the_language() -> None:
    assert set(TESTS) == set(re.findall(r"^\| `(\w+)` \| `(?:when|unless)\.", TEXT, re.MULTILINE))

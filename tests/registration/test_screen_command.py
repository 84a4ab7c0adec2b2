"""`password-import screen` decides like the service, and explains the decision."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.registration.asking import EXAMPLES, JO, ROOT, SAMPLES, registration


def screen(*arguments: str, stdin: bytes = b"", **environment: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "service", "screen", *arguments]
    clean = {name: value for name, value in os.environ.items() if name != "REGISTRATION_POLICY"}
    return subprocess.run(command, input=stdin, capture_output=True, cwd=ROOT, env=clean | environment, check=False)


def test_decision_is_explained_rule_by_rule() -> None:
    done = screen(str(SAMPLES / "ssr.request.json"), "--policy", str(EXAMPLES / "one-domain.toml"))
    progress = done.stdout.decode()
    assert done.returncode == 0
    assert "not met       Only example.com may register" in progress
    assert "unless email is an address of example.com: yes" in progress
    assert '"registration": "ALLOW"' in progress


def test_script_gets_json_and_the_policy_of_the_environment_is_used(tmp_path: Path) -> None:
    profile = tmp_path / "profile.json"
    profile.write_text('{"department": "Sales"}')
    policy = str(EXAMPLES / "complete-from-legacy.toml")
    done = screen("-", "--legacy", str(profile), "--json", stdin=registration(JO), REGISTRATION_POLICY=policy)
    progress = json.loads(done.stdout)
    assert (progress["kind"], progress["decision"], progress["status"]) == ("registration", "changed", 200)
    assert progress["answer"]["commands"][0]["value"] == {"department": "Sales"}
    assert {"rule", "outcome", "reasons"} == set(progress["rules"][0])


def test_stranger_needs_no_database() -> None:
    done = screen("-", "--stranger", "--policy", str(EXAMPLES / "known-accounts.toml"), stdin=registration(JO))
    assert done.returncode == 0
    assert b"204" in done.stdout


def test_store_is_asked_where_the_policy_asks_it(database_url: str) -> None:
    policy = str(EXAMPLES / "known-accounts.toml")
    done = screen("-", "--policy", policy, stdin=registration(JO), DATABASE_URL=database_url)
    assert done.returncode == 0
    assert b"the legacy store knows the person: no" in done.stdout


@pytest.mark.parametrize(
    "arguments, stdin, code, part",
    [
        (("-",), registration(JO), 2, b"REGISTRATION_POLICY"),
        (("nowhere.json",), b"", 2, b"nowhere.json"),
        (("-", "--policy", "nowhere.toml"), registration(JO), 2, b"can't be read"),
        (("-", "--policy", "pyproject.toml"), registration(JO), 2, b"pyproject.toml: line 1: "),
        (("-", "--policy", str(EXAMPLES / "guide.toml")), b"{}", 1, b"would answer 400: data.userProfile"),
        (("-", "--policy", "tests.registration.code_policies:raises"), registration(JO), 1, b"would answer 503"),
    ],
)
def test_what_went_wrong_is_said_in_a_line(arguments: tuple[str, ...], stdin: bytes, code: int, part: bytes) -> None:
    done = screen(*arguments, stdin=stdin)
    assert code == done.returncode
    assert part in done.stderr
    assert b"Traceback" not in done.stderr

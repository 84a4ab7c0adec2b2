"""`password-import try` as an operator runs it: a real process, the password on standard input."""

import asyncio
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

from service.store.migrations import ROOT

PASSWORD, SALT = "Correct-Horse7", "xK9#fT2q"
SALTED = hashlib.sha256(f"{SALT}{PASSWORD}".encode()).hexdigest()
ODD = hashlib.sha1(f"{SALT}:{hashlib.md5(PASSWORD.encode()).hexdigest()}".encode()).hexdigest()  # noqa: S324
SECRETS = (PASSWORD, SALTED, ODD)
INTERRUPTED = """
import sys
import signal
from service.cli import main
from service.hashing.diagnosis import case

begin = case.Budget.spend

def spend(self, candidates=1):
    case.Budget.spend = begin
    print("searching", file=sys.stderr, flush=True)
    begin(self, candidates)

case.Budget.spend = spend
# A background process of a shell ignores SIGINT, and its children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
main()
"""
"""The command, which reports on standard error that the search has begun."""


def service(*arguments: str, url: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "service", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": url},
        check=False,
    )


def attempt(url: str, *arguments: str, stdin: str = PASSWORD + "\n", **more: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in {"SOURCES", "HASH_KEYS"}}
    done = subprocess.run(
        [sys.executable, "-m", "service", "try", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment | {"DATABASE_URL": url} | more,
        check=False,
    )
    assert not [secret for secret in SECRETS if secret in done.stdout + done.stderr], "a secret was printed"
    return done


@pytest.fixture
def export(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    path.write_text(
        f"login,password_hash,salt,format\njo@example.com,{SALTED},{SALT},sha256($salt.$pass)\n"
        f"kim@example.com,{ODD},{SALT},\nrae@example.com,,,\n"
    )
    return path


@pytest.fixture
def loaded(database_url: str, export: Path) -> str:
    service("load", str(export), "--source", "legacy", "--rejects", f"{export}.rejects", url=database_url)
    return database_url


async def rows(url: str, query: str) -> list[tuple[object, ...]]:
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(query)]
    finally:
        await connection.close()


async def test_the_right_password_of_an_account_is_verified_and_recorded(loaded: str) -> None:
    before = await rows(loaded, "SELECT id, state, verified_at FROM accounts ORDER BY id")
    done = attempt(loaded, "jo@example.com")
    assert (done.returncode, done.stdout) == (0, "VERIFIED: sha256($salt.$pass)\n"), done.stderr
    audit = await rows(loaded, "SELECT reason, account_id FROM audit WHERE action = 'tried'")
    assert audit == [("verified, try, format sha256($salt.$pass)", 1)]
    assert await rows(loaded, "SELECT format FROM tried_formats") == [("sha256($salt.$pass)",)]
    assert await rows(loaded, "SELECT id, state, verified_at FROM accounts ORDER BY id") == before


async def test_a_wrong_password_is_unverified_recorded_and_throttles_nobody(loaded: str) -> None:
    done = attempt(loaded, "jo@example.com", stdin="wrong\n")
    assert (done.returncode, done.stdout.splitlines()[0]) == (1, "UNVERIFIED: tried as sha256($salt.$pass)")
    assert await rows(loaded, "SELECT reason FROM audit WHERE action = 'tried'") == [("unverified, try",)]
    assert await rows(loaded, "SELECT * FROM failures") == []
    assert await rows(loaded, "SELECT * FROM tried_formats") == []


def test_a_row_of_an_export_is_tried_by_its_line(database_url: str, export: Path) -> None:
    done = attempt(database_url, "--file", str(export), "--row", "2")
    assert (done.returncode, done.stdout) == (0, "VERIFIED: sha256($salt.$pass)\n"), done.stderr


@pytest.mark.parametrize("row, fault", [("4", "the row has no hash"), ("9", "no row begins at line 9")])
def test_a_row_that_cannot_be_tried_says_why(database_url: str, export: Path, row: str, fault: str) -> None:
    done = attempt(database_url, "--file", str(export), "--row", row)
    assert (done.returncode, fault in done.stderr) == (1, True), done.stderr


def test_a_given_hash_is_tried_by_the_given_format(database_url: str) -> None:
    options = ("--hash", "-", "--salt", SALT, "--format", "sha256_salt_pass")
    done = attempt(database_url, *options, stdin=f"{SALTED}\n{PASSWORD}\n")
    assert (done.returncode, done.stdout) == (0, "VERIFIED: sha256_salt_pass\n"), done.stderr


def test_a_hash_that_several_formats_could_have_is_tried_as_each(database_url: str) -> None:
    plain = hashlib.md5(PASSWORD.encode()).hexdigest()  # noqa: S324 (what old stores hold)
    assert attempt(database_url, plain).stdout == "VERIFIED: md5\n"
    assert "tried as md5, md4, nt, lm" in attempt(database_url, plain, stdin="wrong\n").stdout


def test_diagnosis_finds_the_formula_and_prints_it_to_paste(database_url: str, export: Path) -> None:
    done = attempt(database_url, "--file", str(export), "--row", "3", "--diagnose")
    formula = "sha1($salt.':'.md5($pass))"
    assert done.returncode == 0, done.stderr
    assert f"VERIFIED, if read as {formula}" in done.stdout
    assert f'[sources.NAME]\nformat = "{formula}"' in done.stdout
    again = attempt(database_url, "--file", str(export), "--row", "3", "--format", formula)
    assert again.stdout == f"VERIFIED: {formula}\n"


async def test_diagnosis_is_recorded(database_url: str, export: Path) -> None:
    attempt(database_url, "--file", str(export), "--row", "3", "--diagnose")
    recorded = await rows(database_url, "SELECT reason FROM audit WHERE action = 'tried'")
    assert recorded == [("verified, try --diagnose, format sha1($salt.'…'.md5($pass))",)]


def test_diagnosis_gives_a_script_the_settings_of_the_source(database_url: str, export: Path) -> None:
    told = json.loads(attempt(database_url, "--file", str(export), "--row", "3", "--diagnose", "--json").stdout)
    assert (told["verdict"], told["recipe"]) == ("VERIFIED", {"format": "sha1($salt.':'.md5($pass))"})


def test_diagnosis_ends_at_its_time_and_says_how_far_it_came(database_url: str) -> None:
    done = attempt(database_url, "--hash", "ab" * 32, "--diagnose", "--for", "0.5")
    assert done.returncode == 1
    assert "nothing found in 0.5 s" in done.stderr
    assert "candidates tried" in done.stderr


def test_diagnosis_tries_a_pepper_and_prints_only_its_name(database_url: str) -> None:
    peppered = hashlib.sha256(f"{PASSWORD}zq-pepper-zq".encode()).hexdigest()
    done = attempt(database_url, "--hash", peppered, "--diagnose", "--pepper-env", "ZQ", ZQ="zq-pepper-zq")
    assert 'pepper_env = "ZQ"' in done.stdout
    assert "zq-pepper-zq" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    "arguments, fault",
    [
        ([], "give a login, a hash, or --file with --row"),
        (["jo@example.com", "--file", "x.csv"], "give a login"),
        (["--file", "x.csv"], "--file and --row go together"),
        (["--hash", "00", "--format", "md6($pass)"], "No function is called md6"),
        (["--hash", "00", "--pepper-env", "NOT_SET_HERE"], "NOT_SET_HERE"),
    ],
)
def test_wrong_usage_ends_with_2(database_url: str, arguments: list[str], fault: str) -> None:
    done = attempt(database_url, *arguments)
    assert (done.returncode, fault in done.stderr) == (2, True), done.stderr


def test_an_unknown_name_ends_with_1_and_is_not_repeated(loaded: str) -> None:
    done = attempt(loaded, "nobody-zq@example.com")
    assert (done.returncode, "nobody-zq" in done.stderr) == (1, False)


def test_no_password_on_standard_input_is_wrong_usage(database_url: str) -> None:
    assert attempt(database_url, "--hash", "ab" * 16, stdin="").returncode == 2


def test_a_given_hash_needs_no_store() -> None:
    done = attempt("postgresql://127.0.0.1:1/none", "--hash", SALTED, "--salt", SALT, "--format", "sha256_salt_pass")
    assert (done.returncode, done.stdout) == (0, "VERIFIED: sha256_salt_pass\n"), done.stderr
    assert "was not recorded" in done.stderr


def test_ctrl_c_ends_a_diagnosis_says_how_far_it_came_and_is_recorded(database_url: str, tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, "try", "--hash", "ab" * 32, "--diagnose", "--for", "3600"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": database_url},
    ) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(PASSWORD + "\n")
        process.stdin.close()
        assert process.stderr.readline() == "searching\n"
        process.send_signal(signal.SIGINT)
        errors = process.stderr.read()
        assert process.wait() == 130
    assert re.search(r"stopped; [\d,]+ candidates tried, up to: ", errors), errors
    assert asyncio.run(rows(database_url, "SELECT reason FROM audit WHERE action = 'tried'")) == [
        ("unverified, try --diagnose",)
    ]


def test_load_and_status_recommend_try_until_a_known_password_was_verified_for_each_format(
    database_url: str, export: Path
) -> None:
    loaded = service("load", str(export), "--source", "legacy", "--rejects", f"{export}.rejects", url=database_url)
    said = "A known password was VERIFIED for 0 of 1 format.\n  not tried: sha256($salt.$pass)\n"
    assert said in loaded.stdout
    assert "% of the hashes can be computed" in loaded.stdout
    assert said in service("status", url=database_url).stdout
    attempt(database_url, "jo@example.com")
    status = service("status", url=database_url).stdout
    assert "A known password was VERIFIED for 1 of 1 format.\n" in status
    assert "not tried" not in status
    assert json.loads(service("status", "--json", url=database_url).stdout)["untried_formats"] == []


async def test_a_format_that_is_given_instead_of_the_stored_one_is_not_recorded_as_tried(loaded: str) -> None:
    done = attempt(loaded, "jo@example.com", "--format", "sha256_salt_pass")
    assert (done.returncode, done.stdout) == (0, "VERIFIED: sha256_salt_pass\n"), done.stderr
    assert await rows(loaded, "SELECT * FROM tried_formats") == []


async def test_the_wrong_salt_given_for_an_account_is_used(loaded: str) -> None:
    assert attempt(loaded, "jo@example.com", "--salt", "other").returncode == 1


@pytest.mark.parametrize("command", ["accounts show jo@example.com", "audit export --action tried"])
async def test_a_try_shows_its_password_nowhere(loaded: str, command: str) -> None:
    attempt(loaded, "jo@example.com")
    done = service(*command.split(), url=loaded)
    assert done.returncode == 0
    assert not [secret for secret in SECRETS if secret in done.stdout + done.stderr]

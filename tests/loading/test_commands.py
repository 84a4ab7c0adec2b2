"""The commands related to loading, run as an operator runs them."""

import asyncio
import base64
import json
import os
import signal
import sys
from pathlib import Path

import asyncpg
import pytest

from tests.loading.loader import BCRYPT, command

PEOPLE = f"""login,password_hash,format,firstName,identifiers
jessie@example.com,{BCRYPT},,Jessie,jess
kim@example.com,5f4dcc3b5aa765d61d8327deb882cf99,md5($pass),Kim,
rajiv@example.com,,,Rajiv,
"""


@pytest.fixture
def people(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    path.write_text(PEOPLE)
    return path


def add_row(path: Path, row: str) -> None:
    path.write_text(path.read_text() + row + "\n")


async def run(url: str, *arguments: str, **environment: str) -> tuple[int, str, str]:
    done = await asyncio.to_thread(command, *arguments, url=url, **environment)
    return done.returncode, done.stdout, done.stderr


async def test_load_ends_with_0_and_its_totals_on_standard_output(database_url: str, people: Path) -> None:
    code, out, _ = await run(database_url, "load", str(people), "--source", "legacy", "--json")
    assert code == 0
    totals = json.loads(out)
    assert {problem["number"] for problem in totals.pop("names").values()} == {0}
    assert totals == {
        "dry_run": False, "rows": 3, "new": 3, "changed": 0, "unchanged": 0, "tombstone": 0, "deleted": 0,
        "refused": 0, "refusals": {}, "formats": {"bcrypt": 1, "md5($pass)": 1}, "without_hash": 1, "long_logins": 0,
        "named_by_login": 0, "events_applied": {}, "rejects": None, "untried_formats": ["bcrypt", "md5($pass)"],
        "disabled": 0, "ignored": [], "decisions": [], "unused_peppers": [], "unused_salts": [],
        "checked_elsewhere": 0, "too_costly": 0,
    }  # fmt: skip


async def test_load_ends_with_3_and_keeps_the_rejects_to_their_owner(database_url: str, people: Path) -> None:
    add_row(people, "bad@example.com,???,,B,")
    rejects = people.with_name("out.csv")
    code, out, _ = await run(database_url, "load", str(people), "--source", "legacy", "--rejects", str(rejects))
    assert code == 3
    assert "66.7 % of the hashes can be computed; 1 row of unknown shape" in out
    assert rejects.stat().st_mode & 0o777 == 0o600
    assert "???" not in out


@pytest.mark.parametrize(
    "arguments, fault",
    [
        (["--source", "x", "--map", "nonsense"], "--map COLUMN=NAME"),
        (["--source", "x", "--map", "pwd=password_hash"], "there is no column pwd"),
        (["--source", "x", "--delimiter", '"'], "--delimiter"),
        (["--source", "x", "--rejects", "{file}"], "this is the file to load"),
        (["--source", " "], "printable"),
    ],
)
async def test_wrong_usage_ends_with_2(database_url: str, people: Path, arguments: list[str], fault: str) -> None:
    given = [argument.format(file=people) for argument in arguments]
    code, _, err = await run(database_url, "load", str(people), *given)
    assert (code, fault in err) == (2, True), err


async def test_a_source_without_its_pepper_is_named_before_anything_is_loaded(
    database_url: str, people: Path, tmp_path: Path
) -> None:
    sources = tmp_path / "sources.toml"
    sources.write_text('[sources.shop]\nformat = "devise"\npepper_env = "SHOP_PEPPER"\n')
    code, _, err = await run(database_url, "load", str(people), "--source", "shop", SOURCES=str(sources))
    assert (code, "SHOP_PEPPER" in err) == (2, True)


async def test_accounts_are_listed_shown_forgotten_and_deleted(
    database_url: str, people: Path, pool: asyncpg.Pool
) -> None:
    await run(database_url, "load", str(people), "--source", "legacy")
    _, listed, _ = await run(database_url, "accounts", "list", "--state", "waiting", "--format", "bcrypt", "--json")
    assert [json.loads(line)["login"] for line in listed.splitlines()] == ["jessie@example.com"]
    _, shown, _ = await run(database_url, "accounts", "show", "JESS", "--json")
    assert json.loads(shown)["hashes"] == [{"source": "legacy", "format": "bcrypt", "cost": "bcrypt 4", "key_id": None}]
    assert BCRYPT not in shown
    _, shown, _ = await run(database_url, "accounts", "show", "JESS")
    assert "hashes  source: legacy, format: bcrypt, cost: bcrypt 4, key_id: -" in shown
    assert not set("{}[]'") & set(shown), "Python's notation is not for people"
    code, _, _ = await run(database_url, "accounts", "forget", "jessie@example.com", "--yes")
    assert code == 0
    forgotten = await pool.fetchrow("SELECT state, proof FROM accounts WHERE login LIKE 'jessie%'")
    assert forgotten is not None
    assert tuple(forgotten) == ("retired", "forgotten by operator")
    code, _, _ = await run(database_url, "accounts", "delete", "--format", "md5($pass)", "--yes")
    assert code == 0
    _, out, _ = await run(database_url, "load", str(people), "--source", "legacy", "--json")
    assert {name: json.loads(out)[name] for name in ("new", "tombstone", "deleted", "unchanged")} == {
        "new": 0, "tombstone": 1, "deleted": 1, "unchanged": 1,
    }  # fmt: skip


async def test_deleting_without_saying_whom_is_wrong_usage(database_url: str) -> None:
    code, _, err = await run(database_url, "accounts", "delete", "--yes")
    assert (code, "select accounts" in err) == (2, True)


@pytest.mark.parametrize("given, known", [("--source legac", "legacy"), ("--format bcript", "bcrypt")])
@pytest.mark.parametrize("words", ["list", "forget --yes", "delete --yes", "delete rajiv@example.com --yes"])
async def test_what_nothing_was_loaded_of_is_wrong_usage_and_what_is_there_is_named(
    database_url: str, people: Path, words: str, given: str, known: str
) -> None:
    await run(database_url, "load", str(people), "--source", "legacy")
    code, out, err = await run(database_url, "accounts", *words.split(), *given.split())
    assert (code, out, f"{given}: one of {known}" in err) == (2, "", True), err


async def test_an_export_that_is_not_there_fails_in_each_command_alike(database_url: str) -> None:
    for words in (["load", "--source", "legacy"], ["identify", "--file"]):
        code, out, err = await run(database_url, *words, "absent.csv")
        assert (code, out, "absent.csv: No such file or directory" in err) == (1, "", True), err


async def test_identify_names_a_hash_and_what_okta_could_do(database_url: str) -> None:
    code, out, _ = await run(database_url, "identify", BCRYPT, "--json")
    (found,) = json.loads(out)["candidates"]
    assert (code, found["format"], found["okta"]["workFactor"]) == (0, "bcrypt", 4)


async def test_identify_gives_only_the_pattern_of_an_unknown_hash(database_url: str) -> None:
    code, out, _ = await run(database_url, "identify", "$unknown$hunter22")
    assert (code, "hunter22" in out, "unknown" in out) == (1, False, True)


async def test_identify_reports_over_an_export_and_over_the_store(database_url: str, people: Path) -> None:
    add_row(people, "bad@example.com,$zz$secret99,,B,")
    code, out, _ = await run(database_url, "identify", "--file", str(people), "--json")
    report = json.loads(out)
    assert (code, report["verifiable"], report["unverifiable"], report["okta_direct"]) == (3, 2, 1, 2)
    assert "secret99" not in out
    await run(database_url, "load", str(people), "--source", "legacy", "--rejects", str(people.with_name("r")))
    code, out, _ = await run(database_url, "identify")
    assert (code, "3 accounts, 2 hashes, 1 without a hash" in out) == (0, True)


def heed_ctrl_c() -> None:
    """Restore SIGINT, which is ignored in what a shell starts in the background, and in its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


async def test_ctrl_c_ends_a_load_whose_pipe_is_silent_and_keeps_whole_batches(
    database_url: str, pool: asyncpg.Pool, tmp_path: Path
) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "service", "load", "-", "--source", "legacy", "--rejects", str(tmp_path / "rejects"),
        env={**os.environ, "DATABASE_URL": database_url},
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        preexec_fn=heed_ctrl_c,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stderr is not None
    process.stdin.write(b"login\n" + b"".join(b"p%d@example.com\n" % number for number in range(26_000)))
    async with asyncio.timeout(300):
        # The first 10,000 rows are examined before any is stored, and batches have 5,000 rows.
        while await pool.fetchval("SELECT count(*) FROM accounts") < 10_000:  # noqa: ASYNC110 (another process adds them)
            await asyncio.sleep(0.05)
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 130
    assert b"stopped" in await process.stderr.read()
    assert await pool.fetchval("SELECT count(*) FROM accounts") % 5_000 == 0


async def test_a_store_without_tables_is_told_to_migrate(empty_database_url: str, people: Path) -> None:
    code, _, err = await run(empty_database_url, "load", str(people), "--source", "legacy")
    assert (code, "password-import migrate" in err) == (1, True)


KEYS = json.dumps({"one": base64.b64encode(bytes(range(32))).decode()})
OTHER_KEYS = json.dumps({"two": base64.b64encode(bytes(range(1, 33))).decode()})


async def test_a_load_without_the_keys_of_an_encrypted_store_is_refused(
    database_url: str, people: Path, pool: asyncpg.Pool
) -> None:
    arguments = ("load", str(people), "--source", "legacy")
    assert (await run(database_url, *arguments, HASH_KEYS=KEYS))[0] == 0
    code, _, progress = await run(database_url, *arguments)
    assert code == 2
    assert "HASH_KEYS is not set" in progress
    assert await pool.fetchval("SELECT count(*) FROM hashes WHERE key_id IS NULL") == 0
    assert "Encrypted hashes by key\n  one  2\n" in (await run(database_url, "status"))[1]


async def test_a_rotation_says_why_hashes_are_left(database_url: str, people: Path) -> None:
    arguments = ("load", str(people), "--source", "legacy")
    assert (await run(database_url, *arguments))[0] == 0
    code, out, progress = await run(database_url, "keys", "rotate", HASH_KEYS=KEYS, REQUIRE_ENCRYPTED_HASHES="true")
    assert (code, out) == (1, "0 hashes put under the new key, 2 left\n")
    assert (
        "REQUIRE_ENCRYPTED_HASHES is set: unencrypted hashes are left as they are, since they may have been planted"
        in progress
    )
    assert (await run(database_url, "keys", "rotate", HASH_KEYS=KEYS))[0] == 0
    code, _, progress = await run(database_url, "keys", "rotate", HASH_KEYS=OTHER_KEYS)
    assert code == 1
    assert "the key one is not in HASH_KEYS" in progress

"""The report for auditors: consistent counts, streamed proofs, keys, hooks, signatures."""

import csv
import io
import json
import subprocess
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from service.administration.accounts import delete_accounts, forget_accounts
from service.administration.queries import Filters
from service.administration.report import COMPARISON, FoundHook, OrgHooks, collect, disagreeing, page
from service.administration.stragglers import retire_stragglers
from service.cli.errors import CommandFailed
from service.cli.keys import mark_destroyed
from service.cli.report import verify, write
from service.okta.hooks import HookKind
from service.store import evidence
from service.store.database import Database
from service.store.evidence import Forgotten, snapshot
from tests.administration.installations import KEY, OTHER_KEY, Case, keys_json, pem

MANY = 20_000
MIGRATED = """
WITH migrated AS (
    INSERT INTO accounts (login, login_key, state, forgotten_at, proof)
    SELECT login, login, 'migrated', now(), 'event-' || n
    FROM (SELECT n, format('user%s@example.com', n) AS login FROM generate_series(1, $1::int) AS n) AS named
    RETURNING proof
)
INSERT INTO import_events (uuid, outcome, channel, effect, published, transaction_id)
SELECT proof, 'SUCCESS', 'hook', 'migrated', now(), 'transaction of ' || proof FROM migrated
"""
LOGINS = "kim.sato@example.com", "jessie.smith@example.com", "rajiv.tal@example.com"


@pytest.fixture
def case(pool: asyncpg.Pool, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Case:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.delenv("OKTA_CLIENT_ORGURL", raising=False)
    return Case(tmp_path, database_url, pool)


async def collected(database: Database, **more: Any) -> tuple[dict[str, Any], list[dict[str, str]]]:
    file = io.StringIO()
    async with snapshot(database) as connection:
        document = await collect(connection, file, **more)
    return document, list(csv.DictReader(io.StringIO(file.getvalue())))


async def test_tens_of_thousands_of_proofs_are_streamed_and_the_sums_agree(
    database: Database, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    await case.execute(MIGRATED, MANY)
    forgotten, cursors = evidence.forgotten, set[int]()

    async def watched(connection: asyncpg.Connection) -> AsyncIterator[Forgotten]:
        number = 0
        async for row in forgotten(connection):
            if number % 10_000 == 0:
                opened = "SELECT count(*) FROM pg_cursors WHERE statement LIKE '%forgotten%' AND statement !~ 'pg_'"
                cursors.add(await connection.fetchval(opened))
            number += 1
            yield row

    monkeypatch.setattr(evidence, "forgotten", watched)
    told: list[int] = []
    document, rows = await collected(database, progress=told.append)
    assert told == list(range(1000, MANY + 1, 1000))
    assert cursors == {1}
    assert (len(rows), document["forgotten"]["total"], document["accounts"]["migrated"]) == (MANY, MANY, MANY)
    assert document["forgotten"]["event_recorded"] == MANY
    assert disagreeing(document) == []
    assert rows[7]["proof"] == "event-8"
    assert rows[7]["transaction"] == "transaction of event-8"


async def test_each_way_of_forgetting_has_its_proof_and_no_person_is_named(database: Database, case: Case) -> None:
    ids = [await case.add(login) for login in LOGINS]
    await case.execute(MIGRATED, 1)
    await case.execute("DELETE FROM import_events")  # older than the retention
    await forget_accounts(database, Filters(ids=ids[:1]))
    await delete_accounts(database, Filters(ids=ids[1:2]), erase=False)
    await retire_stragglers(database)
    await case.add("left@example.com", okta_id="00u1")
    document, rows = await collected(database)
    assert {int(row["account"]): (row["state"], row["reason"]) for row in rows} == {
        ids[0]: ("retired", "forgotten by operator"),
        ids[1]: ("deleted", "deleted by operator"),
        ids[2]: ("retired", "end_of_programme"),
        ids[2] + 1: ("migrated", "SUCCESS"),
    }
    assert all(datetime.fromisoformat(row["forgotten_at"]) <= datetime.now(UTC) for row in rows)
    assert document["forgotten"]["event_pruned"] == 1
    assert (document["hashes"]["total"], document["users_with_hook"]) == (1, 1)
    assert disagreeing(document) == []
    everything = json.dumps(document) + page(document) + str(rows)
    assert not [login for login in (*LOGINS, "user1@example.com", "left@example.com") if login in everything]
    assert "$2b$" not in everything


async def test_what_changes_meanwhile_is_not_in_the_report(
    database: Database, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = await case.add(LOGINS[0])
    await case.execute(MIGRATED, 2)
    forgotten = evidence.forgotten

    async def overtaken(connection: asyncpg.Connection) -> AsyncIterator[Forgotten]:
        await forget_accounts(database, Filters(ids=[waiting]))
        async for row in forgotten(connection):
            yield row

    monkeypatch.setattr(evidence, "forgotten", overtaken)
    document, rows = await collected(database)
    assert waiting not in {int(row["account"]) for row in rows}
    assert (document["accounts"]["waiting"], document["accounts"]["retired"]) == (1, 0)
    assert disagreeing(document) == []


async def test_a_row_that_was_written_past_the_service_does_not_add_up(database: Database, case: Case) -> None:
    await case.add(LOGINS[0])
    await case.execute("DELETE FROM hashes")
    document, _ = await collected(database)
    assert disagreeing(document) == ["waiting + verified = accounts with a hash"]
    assert 'class="bad">no<' in page(document)


async def test_keys_are_in_use_idle_or_destroyed(database: Database, case: Case) -> None:
    await case.add(LOGINS[0])
    await case.encrypt(old=KEY)
    await case.encrypt(new=OTHER_KEY, old=KEY)
    await case.execute("UPDATE hash_keys SET destroyed_at = now() WHERE key_id = 'old'")
    document, _ = await collected(database, held_keys={"new", "next"})
    keys = {each["key"]: each for each in document["keys"]}
    assert {key: each["state"] for key, each in keys.items()} == {
        "old": "destroyed", "new": "in use", "next": "not in use, configured"
    }  # fmt: skip
    assert (keys["new"]["hashes"], keys["old"]["hashes"]) == (1, 0)
    assert keys["new"]["first_used_at"] is not None
    still_held, _ = await collected(database, held_keys={"new", "old"})
    assert "recorded as destroyed, but still configured" in {each["state"] for each in still_held["keys"]}


async def test_a_key_that_is_used_again_is_not_destroyed(database: Database, case: Case) -> None:
    await case.add(LOGINS[0])
    await case.encrypt(old=KEY)
    await case.execute("UPDATE hash_keys SET destroyed_at = now()")
    await case.encrypt(new=OTHER_KEY, old=KEY)
    await case.encrypt(old=KEY, new=OTHER_KEY)
    document, _ = await collected(database, held_keys={"old", "new"})
    assert {each["key"]: each["state"] for each in document["keys"]}["old"] == "in use"


async def test_hooks_that_are_left_are_those_that_okta_has(database: Database, case: Case) -> None:
    insert = "INSERT INTO own_hooks (org, kind, hook_id) VALUES ($1, $2, $3)"
    kinds = [HookKind.PASSWORD_IMPORT.value, HookKind.EVENTS.value]
    made = [("a.okta.com", kinds[0], "h1"), ("a.okta.com", kinds[1], "h2"), ("b.okta.com", kinds[1], "h3")]
    await case.pool.executemany(insert, made)
    there = [FoundHook(HookKind.PASSWORD_IMPORT, "h1", "https://service.example.com/okta/password-import")]
    there.append(FoundHook(HookKind.EVENTS, "h9", "https://service.example.com/okta/events"))
    org = OrgHooks("a.okta.com", there)
    document, _ = await collected(database, org=org, base_url="https://service.example.com")
    assert {each["id"]: each["left"] for each in document["hooks"]["made"]} == {"h1": True, "h2": False, "h3": None}
    assert [each["id"] for each in document["hooks"]["others_to_this_service"]] == ["h9"]
    unasked, _ = await collected(database)
    assert {each["left"] for each in unasked["hooks"]["made"]} == {None}


async def test_the_page_escapes_what_it_is_given(database: Database, case: Case) -> None:
    await case.execute("INSERT INTO own_hooks (org, kind, hook_id) VALUES ('<script>', 'event hook', '&')")
    document, _ = await collected(database)
    html = page(document)
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert COMPARISON[:60].replace("'", "&#x27;") in html


async def test_a_proof_is_no_formula(database: Database, case: Case) -> None:
    await case.execute(
        "INSERT INTO accounts (login, login_key, state, forgotten_at, proof) "
        "VALUES ('a', 'a', 'migrated', now(), '=cmd()')"
    )
    _, rows = await collected(database)
    assert rows[0]["proof"] == "'=cmd()"


# The command: files, signature, verification


@pytest.fixture
def signing_key(tmp_path: Path) -> Path:
    path = tmp_path / "sign.pem"
    key = Ed25519PrivateKey.generate()
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    path.chmod(0o600)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "public.pem").write_bytes(public)
    return path


class _Alone:
    invoked_subcommand = None


def written(folder: str, **more: Any) -> int:
    return write(_Alone(), Path(folder), **{"sign": None, "okta": True} | more)  # type: ignore[arg-type]


@pytest.fixture
def signed(case: Case, signing_key: Path, capsys: pytest.CaptureFixture[str]) -> Mapping[str, Path]:
    assert written("out", sign=signing_key) == 0
    assert "signed by the key" in capsys.readouterr().out
    return {path.name: path for path in Path("out").iterdir()}


def test_a_signed_report_is_verified_here_and_by_openssl(
    signed: Mapping[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert set(signed) == {"report.json", "report.html", "forgotten.csv", "report.json.sig"}
    assert {oct(path.stat().st_mode & 0o777) for path in signed.values()} == {"0o600"}
    verify(Path("out"), Path("public.pem"))
    assert capsys.readouterr().out == "The signature is valid, and 3 files are unchanged.\n"
    openssl = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "public.pem", "-rawin"]
    files = ["-in", str(signed["report.json"]), "-sigfile", str(signed["report.json.sig"])]
    done = subprocess.run([*openssl, *files], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["report.json", "report.html", "forgotten.csv"])
def test_a_changed_file_is_named(signed: Mapping[str, Path], name: str) -> None:
    signed[name].write_bytes(signed[name].read_bytes() + b" ")
    with pytest.raises(CommandFailed, match=name):
        verify(Path("out"), Path("public.pem"))


def test_a_missing_file_is_named(signed: Mapping[str, Path]) -> None:
    signed["forgotten.csv"].unlink()
    with pytest.raises(CommandFailed, match=r"forgotten\.csv: is missing"):
        verify(Path("out"), Path("public.pem"))


def test_a_report_without_a_key_is_not_signed_and_says_so(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    assert written("out") == 0
    assert "not signed" in capsys.readouterr().out
    assert json.loads(Path("out/report.json").read_text())["signature"] is None
    with pytest.raises(CommandFailed, match="already"):
        written("out")


@pytest.mark.parametrize(
    "content, said",
    [
        ("no key", "contains no private key in PEM"),
        (pem(ec.generate_private_key(ec.SECP256R1())), "is not an Ed25519 key"),
    ],
)
def test_another_kind_of_key_is_refused_before_anything_is_written(bare: Case, content: str, said: str) -> None:
    key = bare.file("key.pem", content)
    with pytest.raises(CommandFailed, match=said):
        written("out", sign=key)
    assert not Path("out").exists()


def test_a_report_that_fails_leaves_no_folder(bare: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://app@127.0.0.1:9/app")
    with pytest.raises(OSError):  # noqa: PT011 (its message is the system's)
        written("out")
    assert list(bare.folder.iterdir()) == []


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Case:
    monkeypatch.chdir(tmp_path)
    return Case(tmp_path)


# keys mark-destroyed


@pytest.fixture
async def two_keys(case: Case) -> Case:
    await case.add(LOGINS[0])
    await case.encrypt(old=KEY)
    await case.encrypt(new=OTHER_KEY, old=KEY)
    return case


def test_a_key_is_marked_destroyed_once(
    two_keys: Case, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HASH_KEYS", keys_json(new=OTHER_KEY))
    mark_destroyed("old")
    first = capsys.readouterr().out
    mark_destroyed("old")
    assert capsys.readouterr().out == first
    assert first.startswith("the key old is recorded as destroyed at ")


@pytest.mark.parametrize(
    "key_id, held, said",
    [
        ("new", {}, "stored hashes are under the key new"),
        ("old", {"new": OTHER_KEY, "old": KEY}, "the key old is in HASH_KEYS"),
        ("other", {}, "no hash was ever encrypted under a key other"),
    ],
)
def test_a_key_that_is_needed_held_or_unknown_is_not_marked(
    two_keys: Case, monkeypatch: pytest.MonkeyPatch, key_id: str, held: dict[str, bytes], said: str
) -> None:
    monkeypatch.setenv("HASH_KEYS", keys_json(**held) if held else "")
    with pytest.raises(CommandFailed, match=said):
        mark_destroyed(key_id)

"""Encryption of stored hashes: bound to their account, rotated while people sign in, useless without their key."""

import asyncio
import base64
import json
import os
import signal
import sys
from pathlib import Path

import asyncpg
import bcrypt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.administration.rotate_keys import rotate_keys
from service.administration.status import migration_status
from service.app import make_parts, reload
from service.auth.authenticator import hash_keys
from service.loading.files.row import FaultyRow, Row
from service.loading.hashes import HashResolver
from service.loading.load import Load, Totals
from service.loading.sources import Source
from service.loading.staging import loading_session
from service.provisioning.corrections import correct_accounts
from service.provisioning.queries import Correction
from service.settings import BadSettings, ForgetWhen
from service.signin.queries import find
from service.signin.readiness import what_is_missing
from service.store import hash_keys as hash_keys_in_use
from service.store.accounts import KeptHash, login_key
from service.store.database import Database
from service.store.encryption import NONCE, DecryptionFailed, HashKeys, binding
from service.stored_hashes import HashOpener
from service.web.parts import Parts
from tests.people import plain, sign_in
from tests.security.serving import call, serving, wire
from tests.service_fixtures import PASSWORD, USER, Add, settings_of

OLD, NEW = bytes(range(32)), bytes(range(32, 64))
BOTH = HashKeys({"new": NEW, "old": OLD})


def text_of(**keys: bytes) -> str:
    """Return HASH_KEYS in the format of the environment."""
    return json.dumps({key_id: base64.b64encode(key).decode() for key_id, key in keys.items()})


@given(st.binary(), st.binary(), st.binary())
def test_a_sealed_hash_opens_for_whom_it_was_sealed_and_for_nobody_else(text: bytes, mine: bytes, yours: bytes) -> None:
    encrypted, key_id = BOTH.encrypt(text, mine)
    assert BOTH.decrypt(encrypted, key_id, mine) == text
    assert BOTH.encrypt(text, mine) == (encrypted, key_id)
    assert len(encrypted) == len(text) + 28
    if mine != yours:
        assert BOTH.encrypt(text, yours)[0] != encrypted
        with pytest.raises(DecryptionFailed):
            BOTH.decrypt(encrypted, key_id, yours)
    for bent in (encrypted[:-1], encrypted + b"\0", bytes([encrypted[0] ^ 1]) + encrypted[1:], encrypted[:12], b""):
        with pytest.raises(DecryptionFailed):
            BOTH.decrypt(bent, key_id, mine)
    with pytest.raises(DecryptionFailed):
        BOTH.decrypt(encrypted, "old", mine)
    with pytest.raises(DecryptionFailed):
        HashKeys({"old": OLD}).decrypt(encrypted, "new", mine)


def test_a_hash_is_encrypted_to_the_bytes_that_earlier_versions_made() -> None:
    """Made by commit 6ca28d0: any change of a derived key, of the nonce or of the layout would change the bytes."""
    encrypted = HashKeys({"k": OLD}).encrypt(b"$2b$04$stored", b'kim@example.com\0["shop"]')
    made = "36db2f4e3dc6770a99d334154908f087f36b6a90fd65279c18997f18033ab733139178874894e1c732"
    assert encrypted == (bytes.fromhex(made), "k")


def test_the_same_hash_encrypted_for_two_accounts_has_nothing_in_common() -> None:
    text = b"$2b$10$abcdefghijklmnopqrstuuOnA5Ur8fKuy3VTcScDQ2vqfKBcEnQpK"
    mine, yours = (
        BOTH.encrypt(text, binding(login, "s", "bcrypt", {}))[0] for login in ("kim@example.com", "jo@x.org")
    )
    assert mine[:NONCE] != yours[:NONCE]
    pieces = [{kept[start : start + 4] for start in range(len(kept) - 3)} for kept in (mine, yours)]
    assert not pieces[0] & pieces[1]


def test_two_hashes_of_one_account_are_encrypted_under_two_nonces() -> None:
    one, two = (BOTH.encrypt(text, b"kim")[0] for text in (b"$2b$10$one", b"$2b$10$two"))
    assert one[:NONCE] != two[:NONCE]


def test_a_binding_differs_with_login_source_format_and_parameters() -> None:
    bindings = {
        binding("a", "s", "f", {"x": "1"}),
        binding("b", "s", "f", {"x": "1"}),
        binding("a", "t", "f", {"x": "1"}),
        binding("a", "s", "g", {"x": "1"}),
        binding("a", "s", "f", {"x": "2"}),
        binding('a","s', "", "f", {"x": "1"}),
    }
    assert len(bindings) == 6
    assert binding("a", "s", "f", {"x": 1, "y": 2}) == binding("a", "s", "f", {"y": 2, "x": 1})


class NoRejects:
    def write(self, _row: Row | FaultyRow, reason: str) -> None:
        raise AssertionError(reason)

    def close(self) -> None: ...


async def load(database_url: str, keys: HashKeys, *rows: tuple[str, str]) -> Totals:
    read = [Row(line, {"login": login, "password_hash": text}, None) for line, (login, text) in enumerate(rows, 2)]
    source = Source("legacy")
    async with loading_session(database_url) as connection:
        work = Load(connection, source, HashResolver(source, {}), NoRejects(), ForgetWhen.SUCCESS, keys=keys)
        return await work.run(iter(read), lambda _: None)


def bcrypt_of(password: str) -> str:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()


PEOPLE = [(f"person{number}@example.com", f"right {number}") for number in range(30)]


@pytest.fixture
async def loaded(database_url: str) -> list[tuple[str, str]]:
    """Load thirty people under the old key."""
    rows = [(login, bcrypt_of(password)) for login, password in PEOPLE]
    await load(database_url, HashKeys({"old": OLD}), *rows)
    return rows


async def key_ids(pool: asyncpg.Pool) -> dict[str | None, int]:
    return {row[0]: row[1] for row in await pool.fetch("SELECT key_id, count(*) FROM hashes GROUP BY 1")}


async def test_the_store_holds_no_hash_in_clear_and_people_sign_in(
    loaded: list[tuple[str, str]], database_url: str, database: Database, pool: asyncpg.Pool
) -> None:
    dump = b"".join(row["hash"] for row in await pool.fetch("SELECT hash FROM hashes"))
    assert b"$2b$" not in dump
    settings = settings_of(
        database_url=database_url, basic_auth_user=USER, basic_auth_password=PASSWORD, hash_keys=text_of(old=OLD)
    )
    async with make_parts(settings, database) as parts:
        assert await verdicts(parts, PEOPLE[:3]) == ["VERIFIED"] * 3
        assert await verdicts(parts, [(PEOPLE[0][0], "wrong")]) == ["UNVERIFIED"]


async def verdicts(parts: Parts, people: list[tuple[str, str]]) -> list[str]:
    found = []
    async with serving(parts) as url, wire(url) as connection:
        for login, password in people:
            answer = await connection.ask(call(sign_in(login, password)))
            assert answer is not None
            assert answer.status == 200
            found.append(json.loads(answer.body)["commands"][0]["value"]["credential"])
    return found


async def test_a_hash_moved_to_another_account_verifies_nobody(
    loaded: list[tuple[str, str]], database_url: str, database: Database, pool: asyncpg.Pool
) -> None:
    await pool.execute(
        "UPDATE hashes SET hash = (SELECT hash FROM hashes JOIN accounts ON id = account_id WHERE login = $1) "
        "WHERE account_id = (SELECT id FROM accounts WHERE login = $2)",
        PEOPLE[1][0],
        PEOPLE[0][0],
    )
    settings = settings_of(
        database_url=database_url, basic_auth_user=USER, basic_auth_password=PASSWORD, hash_keys=text_of(old=OLD)
    )
    async with make_parts(settings, database) as parts, serving(parts) as url, wire(url) as connection:
        answer = await connection.ask(call(sign_in(PEOPLE[0][0], PEOPLE[1][1])))
        assert answer is not None
        assert (answer.status, answer.code) == (503, "unusable_hash")


async def test_rotation_puts_all_under_the_new_key_and_the_old_one_can_go(
    loaded: list[tuple[str, str]], database: Database, pool: asyncpg.Pool, add: Add
) -> None:
    await add("plain@example.com", "right")
    heard: list[int] = []
    done = await rotate_keys(database, BOTH, heard.append)
    assert (done.encrypted, done.shut, done.left) == (31, 0, 0)
    assert await key_ids(pool) == {"new": 31}
    assert heard[-1] == 31
    async with pool.acquire() as proxy:
        for login in ("plain@example.com", PEOPLE[0][0]):
            account = await find(plain(proxy), login)
            kept: KeptHash = account.hashes[0]  # type: ignore[union-attr]  # it is one
            assert HashOpener({}, HashKeys({"new": NEW})).open(kept).cost.startswith("bcrypt")
            with pytest.raises(DecryptionFailed):
                HashOpener({}, HashKeys({"old": OLD})).open(kept)
    assert (await rotate_keys(database, BOTH)).encrypted == 0


async def test_a_hash_that_came_under_the_old_key_during_the_first_pass_is_rotated_by_the_next(
    loaded: list[tuple[str, str]], database: Database, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    count, put_back = (
        hash_keys_in_use.count_others,
        await pool.fetch("SELECT account_id, hash, key_id FROM hashes LIMIT 1"),
    )

    async def count_others(connection: asyncpg.Connection, active: str | None) -> int:
        for row in put_back[:]:
            put_back.remove(row)
            await connection.execute("UPDATE hashes SET hash = $2, key_id = $3 WHERE account_id = $1", *row.values())
        return await count(connection, active)

    monkeypatch.setattr(hash_keys_in_use, "count_others", count_others)
    done = await rotate_keys(database, BOTH)
    assert (done.encrypted, done.left) == (31, 0)
    assert await key_ids(pool) == {"new": 30}


async def test_what_no_key_opens_is_left_as_it_is_and_told(
    loaded: list[tuple[str, str]], database: Database, pool: asyncpg.Pool
) -> None:
    done = await rotate_keys(database, HashKeys({"new": NEW}))
    assert (done.encrypted, done.shut, done.left) == (0, 30, 30)
    assert await key_ids(pool) == {"old": 30}


async def test_people_sign_in_and_are_forgotten_while_keys_rotate(
    loaded: list[tuple[str, str]], database_url: str, database: Database, pool: asyncpg.Pool
) -> None:
    settings = settings_of(
        database_url=database_url,
        basic_auth_user=USER,
        basic_auth_password=PASSWORD,
        hash_keys=text_of(new=NEW, old=OLD),
    )
    back = HashKeys({"old": OLD, "new": NEW})

    async def keep_rotating() -> None:
        while True:
            await rotate_keys(database, BOTH)
            await rotate_keys(database, back)

    async with make_parts(settings, database) as parts:
        rotating = asyncio.create_task(keep_rotating())
        for _ in range(3):
            assert await verdicts(parts, PEOPLE[:10]) == ["VERIFIED"] * 10
        rotating.cancel()
        await asyncio.gather(rotating, return_exceptions=True)


async def test_loading_again_after_a_rotation_changes_nothing(
    loaded: list[tuple[str, str]], database_url: str, database: Database, pool: asyncpg.Pool
) -> None:
    for keys in (HashKeys({"old": OLD}), BOTH):
        totals = await load(database_url, keys, *loaded)
        assert {outcome.value: number for outcome, number in totals.row_outcomes.items() if number} == {"unchanged": 30}
    changed = [(loaded[0][0], bcrypt_of("another")), *loaded[1:]]
    totals = await load(database_url, BOTH, *changed)
    assert {outcome.value: number for outcome, number in totals.row_outcomes.items() if number} == {
        "changed": 1,
        "unchanged": 29,
    }
    assert await key_ids(pool) == {"old": 29, "new": 1}


async def test_readiness_names_a_missing_key_and_one_that_is_another(
    loaded: list[tuple[str, str]], database_url: str, database: Database
) -> None:
    settings = settings_of(database_url=database_url, basic_auth_user=USER, basic_auth_password=PASSWORD)
    async with make_parts(settings, database) as parts:

        async def missing(keys: HashKeys) -> list[str]:
            return list(await what_is_missing(database, parts.revisions, HashOpener({}, keys)))

        assert await missing(BOTH) == []
        assert await missing(HashKeys({})) == ["the key old is not in HASH_KEYS, and stored hashes need it"]
        assert "does not decrypt" in (await missing(HashKeys({"old": NEW})))[0]


async def test_status_says_when_hashes_are_not_encrypted(
    loaded: list[tuple[str, str]], pool: asyncpg.Pool, add: Add
) -> None:
    async with pool.acquire() as proxy:
        encryption = (await migration_status(plain(proxy)))["encryption"]
        assert encryption == {"plain": 0, "by_key": {"old": 30}, "warning": None}
        await add("plain@example.com", "right")
        encryption = (await migration_status(plain(proxy)))["encryption"]
        assert encryption["warning"].startswith("1 hash is not encrypted:")  # type: ignore[index]  # an object


async def test_where_only_sealed_hashes_count_a_planted_one_lets_nobody_in(
    database_url: str, database: Database, add: Add
) -> None:
    await add("victim@example.com", "planted")
    settings = settings_of(
        database_url=database_url,
        basic_auth_user=USER,
        basic_auth_password=PASSWORD,
        hash_keys=text_of(old=OLD),
        require_encrypted_hashes=True,
    )
    async with make_parts(settings, database) as parts, serving(parts) as url, wire(url) as connection:
        answer = await connection.ask(call(sign_in("victim@example.com", "planted")))
        assert answer is not None
        assert (answer.status, answer.code) == (503, "unusable_hash")


@pytest.mark.parametrize(
    "keys,fault",
    [
        ("marked", "must be a JSON object"),
        ('["marked"]', "must be a JSON object"),
        ('{"a": "marked"}', "key 1 is not 32 bytes in base64"),
        ('{"a": "bWFya2Vk"}', "key 1 is not 32 bytes in base64"),
        (text_of(a=OLD)[:-1] + ', "b": 7}', "key 2 is not 32 bytes"),
        (text_of(a=OLD)[:-1] + f", {text_of(a=NEW)[1:]}", "the id of key 2 is not unique"),
        (text_of(**{"with space": OLD}), "the id of key 1"),
    ],
)
def test_faulty_keys_are_refused_at_start_without_a_word_of_them(keys: str, fault: str) -> None:
    with pytest.raises(BadSettings) as found:
        hash_keys(settings_of(hash_keys=keys))
    assert fault in str(found.value)
    assert "marked" not in str(found.value)
    assert "bWFya2Vk" not in str(found.value)


def test_the_first_of_keys_and_then_of_the_file_is_active(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_text(text_of(filed=OLD))
    assert hash_keys(settings_of(hash_keys_file=file)).active == "filed"
    both = hash_keys(settings_of(hash_keys_file=file, hash_keys=text_of(given=NEW)))
    assert both.active == "given"
    assert "filed" in both
    assert hash_keys(settings_of()).active is None


async def test_a_rotation_that_is_killed_is_completed_by_the_next(
    loaded: list[tuple[str, str]], database_url: str, database: Database, pool: asyncpg.Pool
) -> None:
    environment = os.environ | {"DATABASE_URL": database_url, "HASH_KEYS": text_of(new=NEW, old=OLD)}
    killed = "import os, signal, sys; from service.store import hash_keys\n"
    killed += "from service.administration import rotate_keys\n"
    killed += "rotate_keys.BATCH = 7; put, calls = hash_keys.put, []\n"
    killed += "async def dying(*given):\n    await put(*given); calls.append(1)\n"
    killed += "    if len(calls) == 3: os.kill(os.getpid(), signal.SIGKILL)\n"
    killed += "hash_keys.put = dying; sys.argv = ['password-import', 'keys', 'rotate']\n"
    killed += "from service.cli import main; main()"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", killed, env=environment)
    assert await process.wait() == -signal.SIGKILL
    assert await key_ids(pool) == {"new": 14, "old": 16}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "service", "keys", "rotate", env=environment, stdout=asyncio.subprocess.PIPE
    )
    progress, _ = await process.communicate()
    assert (process.returncode, progress) == (0, b"16 hashes put under the new key, 0 left\n")
    assert await key_ids(pool) == {"new": 30}


async def test_a_corrected_login_takes_its_hash_along(
    loaded: list[tuple[str, str]], database: Database, pool: asyncpg.Pool
) -> None:
    account_id = await pool.fetchval("SELECT id FROM accounts WHERE login = $1", PEOPLE[0][0])
    await pool.execute("INSERT INTO provisionings VALUES ($1, 'hook', 'refused', now(), now(), 'x')", account_id)
    correction = Correction(account_id, "Renamed@example.com", "renamed@example.com", {})
    done = await correct_accounts(database, [(2, correction)], forget_when=ForgetWhen.SUCCESS, keys=BOTH)
    assert done.corrected == 1
    async with pool.acquire() as proxy:
        account = await find(plain(proxy), "renamed@example.com")
    kept: KeptHash = account.hashes[0]  # type: ignore[union-attr]  # it is an account
    assert (kept.key_id, HashOpener({}, BOTH).open(kept).cost) == ("new", "bcrypt 4")


async def test_keys_in_a_file_are_read_again_at_sighup(
    loaded: list[tuple[str, str]], tmp_path: Path, database_url: str, database: Database
) -> None:
    file = tmp_path / "keys.json"
    file.write_text(text_of(new=NEW))
    settings = settings_of(database_url=database_url, hook_secrets='["a secret of the hooks"]', hash_keys_file=file)
    async with make_parts(settings, database) as parts:
        assert await what_is_missing(database, parts.revisions, parts.opener) != []
        for content in (text_of(new=NEW, old=OLD), "{"):  # a faulty file changes nothing
            file.write_text(content)
            reload(parts, None)
            assert await what_is_missing(database, parts.revisions, parts.opener) == []


def test_login_keys_are_what_hashes_are_bound_to() -> None:
    assert binding(login_key("Kim@Example.com"), "s", "f", {}) == binding("kim@example.com", "s", "f", {})

"""`POST /okta/password-import`: the answers to Okta for a login and a password."""

import asyncio
import json
import re
from pathlib import Path

import asyncpg
import pytest
from structlog.testing import capture_logs

from service.signin import verify
from service.store import recipes
from service.store.recipes import has_accounts
from service.web.parts import Parts
from tests.people import add_hash, hashes_of, plain, sign_in, state_of
from tests.service_fixtures import PATIENCE, Add, Client, answering_within

SAMPLES = {
    path.name: path.read_bytes()
    for path in (Path(__file__).parents[1] / "okta" / "samples" / "password-import").glob("request*.json")
}
VERIFIED = {"commands": [{"type": "com.okta.action.update", "value": {"credential": "VERIFIED"}}]}
UNVERIFIED = {"commands": [{"type": "com.okta.action.update", "value": {"credential": "UNVERIFIED"}}]}
JSON = {"Content-Type": "application/json"}


async def ask(client: Client, username: object, password: object, **more: object) -> object:
    answer = await client.post("/okta/password-import", data=sign_in(username, password, **more), headers=JSON)
    assert answer.status == 200, await answer.text()
    assert answer.content_type == "application/json"
    return said(await answer.json())


def said(answer: dict[str, object]) -> dict[str, object]:
    """Return an answer without the code of its audit entry, which every answer contains."""
    context = answer.pop("debugContext")
    assert isinstance(context, dict)
    assert re.fullmatch("[0-9a-f]{16}", context["reason"])
    return answer


async def test_a_right_password_is_verified_and_recorded(client: Client, add: Add, pool: asyncpg.Pool) -> None:
    jessie = await add("jessie.smith@example.com", "password1")
    assert await ask(client, jessie.login, "password1") == VERIFIED
    assert await state_of(pool, jessie) == "verified"
    assert await hashes_of(pool, jessie) == 1


async def test_a_wrong_password_is_unverified_and_changes_nothing(client: Client, add: Add, pool: asyncpg.Pool) -> None:
    jessie = await add("jessie.smith@example.com", "password1")
    assert await ask(client, jessie.login, "password2") == UNVERIFIED
    assert await state_of(pool, jessie) == "waiting"


async def test_a_person_who_asks_again_before_the_event_is_verified_again(client: Client, add: Add) -> None:
    jessie = await add("jessie.smith@example.com", "password1")
    assert [await ask(client, jessie.login, "password1") for _ in range(3)] == [VERIFIED] * 3


@pytest.mark.parametrize(
    "typed",
    ["JESSIE@Example.com", "jéssie@example.com", "jessie", "j.smith@home.example", "J.SMITH@home.example", "4711"],
)
async def test_a_login_is_found_by_any_spelling_an_identifier_or_its_local_part(
    client: Client, add: Add, typed: str
) -> None:
    await add("jessie@example.com", "password1", identifiers=("j.smith@home.example", "4711"), email_aliases=True)
    assert await ask(client, typed, "password1") == VERIFIED


async def test_two_accounts_with_the_same_local_part_are_ambiguous(client: Client, add: Add) -> None:
    await add("jessie@example.com", "password1")
    await add("jessie@example.org", "password1")
    assert await ask(client, "jessie", "password1") == UNVERIFIED
    assert await ask(client, "jessie@example.org", "password1") == VERIFIED


async def test_an_identifier_never_hides_the_account_whose_login_it_is(client: Client, add: Add) -> None:
    await add("kim@example.com", "password2")
    await add("mallory@example.com", "password3", identifiers=("kim@example.com",), email_aliases=True)
    assert await ask(client, "kim@example.com", "password2") == VERIFIED
    assert await ask(client, "kim@example.com", "password3") == UNVERIFIED


async def test_any_of_the_hashes_of_several_sources_verifies(client: Client, add: Add, pool: asyncpg.Pool) -> None:
    kim = await add("kim@example.com", "old password")
    other = await add("other@example.com", "new password")
    stored = await pool.fetchval("SELECT hash FROM hashes WHERE account_id = $1", other.id)
    async with pool.acquire() as connection:
        await add_hash(plain(connection), kim.id, stored, source="second")
    assert await ask(client, kim.login, "old password") == VERIFIED
    assert await ask(client, kim.login, "new password") == VERIFIED
    assert await ask(client, kim.login, "no password") == UNVERIFIED


async def test_an_unknown_login_and_an_unarmed_account_are_unverified_after_a_real_check(
    client: Client, add: Add, parts: Parts
) -> None:
    await add("kim@example.com", "password2")
    await add("unarmed@example.com")
    assert await ask(client, "nobody@example.com", "password2") == UNVERIFIED
    assert await ask(client, "unarmed@example.com", "password2") == UNVERIFIED
    assert parts.verifier.dummy_hashes is not None
    assert parts.verifier.pool.estimate(parts.verifier.dummy_hashes.checks[0].cost) is not None
    assert [seen["login"] for seen in parts.verifier.unknown_logins.listed()] == ["nobody@example.com"]


async def test_an_empty_store_gives_no_verdict(client: Client) -> None:
    answer = await client.post("/okta/password-import", data=sign_in("kim@example.com", "x"), headers=JSON)
    assert (answer.status, (await answer.json())["error"]["code"]) == (503, "no_accounts")


async def test_a_right_password_is_not_wrong_because_the_first_account_came_while_it_was_looked_up(
    client: Client, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def loaded_meanwhile(connection: asyncpg.Connection) -> bool:
        await add("kim@example.com", "right")
        return await has_accounts(connection)

    monkeypatch.setattr(recipes, "has_accounts", loaded_meanwhile)
    assert await ask(client, "kim@example.com", "right") == VERIFIED


async def test_a_tombstone_is_unverified_and_tells_the_operator(
    client: Client, add: Add, parts: Parts, pool: asyncpg.Pool
) -> None:
    kim = await add("kim@example.com", "password2")
    await pool.execute("DELETE FROM hashes")
    await pool.execute("UPDATE accounts SET state = 'migrated', forgotten_at = now(), proof = 'event'")
    assert await ask(client, kim.login, "password2") == UNVERIFIED
    with capture_logs() as logs:
        parts.verifier.sign_ins_after_migration.report()
    assert [(line["event"], line["account_id"], line["state"]) for line in logs] == [
        ("sign_in_after_migration", kim.id, "migrated")
    ]
    assert parts.telemetry.registry.get_sample_value("password_import_sign_ins_after_migration_total") == 1


@pytest.mark.parametrize("stored", [b"", b"$2b$04$short", b"\xff\xfe", b"$2b$99$" + b"a" * 53, b"no hash at all"])
async def test_a_corrupt_stored_hash_is_our_fault_and_no_verdict(
    client: Client, add: Add, parts: Parts, stored: bytes
) -> None:
    await add("kim@example.com", stored=stored)
    answer = await client.post("/okta/password-import", data=sign_in("kim@example.com", "x"), headers=JSON)
    assert (answer.status, (await answer.json())["error"]["code"]) == (503, "unusable_hash")
    assert parts.telemetry.registry.get_sample_value("password_import_faults_total", {"fault": "unusable_hash"}) == 2


async def test_what_alerts_watch_is_0_from_the_start_so_that_the_first_count_is_seen(parts: Parts) -> None:
    for counter, labels in {
        "faults": {"fault": "database_away"},
        "sign_ins": {"outcome": "verified"},
        "import_events": {"channel": "hook", "effect": "mismatch"},
        "unreadable_events": {"fault": "not_json"},
        "error_responses": {"route": "/okta/events", "code": "credentials_wrong"},
    }.items():
        assert parts.telemetry.registry.get_sample_value(f"password_import_{counter}_total", labels) == 0


async def test_a_good_hash_beside_a_corrupt_one_still_verifies(client: Client, add: Add, pool: asyncpg.Pool) -> None:
    kim = await add("kim@example.com", "password2")
    async with pool.acquire() as connection:
        await add_hash(plain(connection), kim.id, b"corrupt", source="second")
    assert await ask(client, kim.login, "password2") == VERIFIED
    answer = await client.post("/okta/password-import", data=sign_in(kim.login, "wrong"), headers=JSON)
    assert answer.status == 503


async def test_verified_is_answered_even_where_its_record_fails(
    client: Client, add: Add, parts: Parts, pool: asyncpg.Pool
) -> None:
    kim = await add("kim@example.com", "password2")
    await pool.execute("ALTER TABLE accounts ADD CONSTRAINT broken CHECK (state <> 'verified')")
    assert await ask(client, kim.login, "password2") == VERIFIED
    assert parts.telemetry.registry.get_sample_value("password_import_verified_unrecorded_total") == 1


async def test_verified_is_answered_even_where_its_record_hangs(
    client: Client, add: Add, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify, "LAST_WRITE", PATIENCE - 1)  # cancelled after a second
    kim = await add("kim@example.com", "password2")
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SELECT 1 FROM accounts WHERE id = $1 FOR UPDATE", kim.id)
        assert await ask(client, kim.login, "password2") == VERIFIED


async def test_a_database_that_does_not_answer_gives_503_within_the_time(
    client: Client, parts: Parts, add: Add, pool: asyncpg.Pool
) -> None:
    parts.settings = answering_within(parts.settings, 0.5)
    kim = await add("kim@example.com", "password2")
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("LOCK TABLE accounts IN ACCESS EXCLUSIVE MODE")
        answer = await client.post("/okta/password-import", data=sign_in(kim.login, "password2"), headers=JSON)
    assert (answer.status, (await answer.json())["error"]["code"]) == (503, "out_of_time")


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
async def test_the_official_requests_are_answered(client: Client, add: Add, sample: bytes) -> None:
    credential = json.loads(sample)["data"]["context"]["credential"]
    await add(credential["username"], credential["password"])
    answer = await client.post("/okta/password-import", data=sample, headers=JSON)
    assert (answer.status, said(await answer.json())) == (200, VERIFIED)


@pytest.mark.parametrize(
    "more",
    [
        {"eventTypeVersion": 1, "cloudEventVersion": 0.1},
        {"eventTypeVersion": None, "contentType": "application/JSON", "eventId": 7, "new": {"member": [1, None]}},
        {"source": None, "eventTime": None},
    ],
    ids=["numbers", "nulls and more", "missing"],
)
async def test_members_that_are_not_read_may_be_anything(client: Client, add: Add, more: dict[str, object]) -> None:
    await add("kim@example.com", "password2")
    assert await ask(client, "kim@example.com", "password2", **more) == VERIFIED


REFUSED = {
    "empty": b"",
    "not json": b"{",
    "not an object": b"[]",
    "null": b"null",
    "not utf-8": b'{"a": "\xff"}',
    "NaN": b'{"a": NaN}',
    "utf-16": '{"a": 1}'.encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf{}",
    "deep": b'{"a":' * 5000 + b"1" + b"}" * 5000,
    "no data": b"{}",
    "data in the place of the prose": b'{"data": {"credential": {"username": "kim@example.com", "password": "x"}}}',
    "username missing": sign_in(None, "x"),
    "username empty": sign_in("", "x"),
    "username a number": sign_in(7, "x"),
    "username a list": sign_in(["kim@example.com"], "x"),
    "username with NUL": sign_in("kim\0@example.com", "x"),
    "username a lone surrogate": sign_in("\ud800", "x"),
    "username too long": sign_in("k" * 1025, "x"),
    "password missing": sign_in("kim@example.com", None),
    "password empty": sign_in("kim@example.com", ""),
    "password an object": sign_in("kim@example.com", {}),
    "password a lone surrogate": sign_in("kim@example.com", "\udcff"),
    "password too long": sign_in("kim@example.com", "x" * 8193),
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED)
async def test_what_is_no_call_is_refused_with_400(client: Client, add: Add, body: bytes) -> None:
    await add("kim@example.com", "password2")
    answer = await client.post("/okta/password-import", data=body, headers=JSON)
    assert answer.status == 400
    assert set((await answer.json())["error"]) == {"code", "message"}


@pytest.mark.parametrize("password", ["x" * 72, "x" * 73, "é" * 40, "right\0junk", "\U0001f600", " x ", "x" * 4096])
async def test_a_password_is_taken_as_it_is(client: Client, add: Add, password: str) -> None:
    await add("kim@example.com", "right")
    assert await ask(client, "kim@example.com", password) == UNVERIFIED


async def test_a_password_over_72_bytes_is_cut_as_the_old_stores_did(client: Client, add: Add) -> None:
    await add("kim@example.com", "x" * 80)
    assert await ask(client, "kim@example.com", "x" * 75) == VERIFIED
    assert await ask(client, "kim@example.com", "x" * 71) == UNVERIFIED


async def test_other_media_types_methods_paths_and_sizes_are_refused(client: Client) -> None:
    body = sign_in("kim@example.com", "x")
    text = await client.post("/okta/password-import", data=body, headers={"Content-Type": "text/plain"})
    packed = await client.post("/okta/password-import", data=body, headers=JSON | {"Content-Encoding": "deflate"})
    method = await client.put("/okta/password-import", data=body, headers=JSON)
    path = await client.post("/okta/password-import/", data=body, headers=JSON)
    large = await client.post("/okta/password-import", data=b" " * 70_000, headers=JSON)
    assert [answer.status for answer in (text, packed, method, path, large)] == [415, 415, 405, 404, 413]
    assert method.headers["Allow"] == "POST"
    assert (await path.json())["error"]["code"] == "no_such_path"


async def test_the_same_call_twice_at_once_is_checked_once_and_answered_twice(
    client: Client, add: Add, parts: Parts
) -> None:
    await add("kim@example.com", "password2")
    answers = await asyncio.gather(*(ask(client, "kim@example.com", "password2") for _ in range(5)))
    assert answers == [VERIFIED] * 5
    value = parts.telemetry.registry.get_sample_value("password_import_sign_ins_total", {"outcome": "verified"})
    assert value == 5


STOP_THE_CLOCK = "UPDATE failures SET since = since + interval '1 minute'"
"""The first delay is a second, which a busy machine may need for the next call."""


async def test_after_many_wrong_passwords_a_login_has_to_wait_and_the_right_one_is_not_called_wrong(
    client: Client, add: Add, pool: asyncpg.Pool
) -> None:
    await add("kim@example.com", "password2")
    await add("rajiv@example.com", "password3")
    for number in range(5):
        assert await ask(client, "kim@example.com", f"guess {number}", eventId=f"guess-{number}") == UNVERIFIED
    await pool.execute(STOP_THE_CLOCK)
    answer = await client.post("/okta/password-import", data=sign_in("kim@example.com", "password2"), headers=JSON)
    assert (answer.status, (await answer.json())["error"]["code"]) == (429, "throttled")
    assert int(answer.headers["Retry-After"]) >= 1
    assert await ask(client, "rajiv@example.com", "password3") == VERIFIED


async def test_an_unknown_login_is_throttled_like_a_known_one(client: Client, add: Add, pool: asyncpg.Pool) -> None:
    await add("kim@example.com", "password2")
    for number in range(5):
        assert await ask(client, "nobody@example.com", f"guess {number}", eventId=f"guess-{number}") == UNVERIFIED
    await pool.execute(STOP_THE_CLOCK)
    answer = await client.post("/okta/password-import", data=sign_in("nobody@example.com", "x"), headers=JSON)
    assert answer.status == 429


async def test_the_retry_of_a_call_is_no_second_failure(client: Client, add: Add, pool: asyncpg.Pool) -> None:
    await add("kim@example.com", "password2")
    for _ in range(3):
        await ask(client, "kim@example.com", "wrong", eventId="the same")
    assert await pool.fetchval("SELECT max(failures) FROM failures") == 1


async def test_a_right_password_after_failures_ends_their_count(client: Client, add: Add, pool: asyncpg.Pool) -> None:
    await add("kim@example.com", "password2")
    await ask(client, "kim@example.com", "wrong")
    assert await ask(client, "kim@example.com", "password2") == VERIFIED
    assert await pool.fetchval("SELECT count(*) FROM failures") == 0

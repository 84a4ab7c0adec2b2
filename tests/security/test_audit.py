"""The audit trail: every action has an entry with time, reason and Okta's ids, and no entry contains a secret."""

import asyncio
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from service.app import make_parts
from service.audit_trail import MOST, PIECE, AuditTrail
from service.store import audit
from service.store.audit import Action, Entry
from service.store.database import Database
from service.store.migrations import ROOT
from service.store.retirement import Retired, retire
from service.web.parts import Parts
from tests.people import delivery, event, plain, sign_in
from tests.registration.asking import registration
from tests.security.serving import Answer, call, serving, wire
from tests.service_fixtures import PASSWORD, USER, Add, settings_of

EVENT, REQUEST = "3o9jBzq1SmOGmmsDsqyyeQ", "XiIl6wn7005Rr@fjYqeC7AAABxw"


async def ask(parts: Parts, *raw: bytes) -> list[Answer]:
    answers = []
    async with serving(parts) as url, wire(url) as connection:
        for each in raw:
            answer = await connection.ask(each)
            assert answer is not None
            answers.append(answer)
    await parts.verifier.trail.close(parts.database)
    return answers


async def entries(pool: asyncpg.Pool) -> list[dict[str, object]]:
    rows = await pool.fetch("SELECT action, reason, code, account_id, event_id, request_id FROM audit ORDER BY at, id")
    return [dict(row) for row in rows]


def code_of(answer: Answer) -> str:
    return str(json.loads(answer.body)["debugContext"]["reason"])


async def test_each_answer_leads_by_its_code_to_one_entry_with_oktas_ids(
    parts: Parts, add: Add, pool: asyncpg.Pool
) -> None:
    kim = await add("kim@example.com", "right")
    unarmed = await add("unarmed@example.com")
    tried = [("kim@example.com", "right"), ("kim@example.com", "right"), ("kim@example.com", "wrong")]
    tried += [("unarmed@example.com", "x"), ("nobody@example.com", "x")]
    answers = await ask(parts, *(call(sign_in(login, password)) for login, password in tried))
    expected = [
        ("verified", "password", kim.id),
        ("verified", "password", kim.id),
        ("refused", "wrong_password", kim.id),
        ("refused", "unarmed", unarmed.id),
        ("refused", "unknown_login", None),
    ]
    found = {entry["code"]: entry for entry in await entries(pool)}
    assert len(found) == len(answers)
    for answer, (action, reason, account_id) in zip(answers, expected, strict=True):
        assert found[code_of(answer)] == {
            "action": action,
            "reason": reason,
            "code": code_of(answer),
            "account_id": account_id,
            "event_id": EVENT,
            "request_id": REQUEST,
        }


async def test_an_answer_tells_nobody_whether_there_is_an_account(parts: Parts, add: Add) -> None:
    await add("kim@example.com", "right")
    known, unknown = await ask(
        parts, call(sign_in("kim@example.com", "wrong")), call(sign_in("nobody@example.com", "wrong"))
    )
    assert known.body.replace(code_of(known).encode(), b"") == unknown.body.replace(code_of(unknown).encode(), b"")
    assert known.headers.keys() == unknown.headers.keys()


async def test_a_throttled_call_is_in_the_trail(parts: Parts, add: Add, pool: asyncpg.Pool) -> None:
    kim = await add("kim@example.com", "right")
    calls = [call(sign_in("kim@example.com", f"guess {n}", eventId=f"event-{n}")) for n in range(12)]
    throttled = [answer for answer in await ask(parts, *calls) if answer.status == 429]
    found = [entry for entry in await entries(pool) if entry["action"] == "throttled"]
    assert len(found) == len(throttled) > 0
    assert (found[0]["account_id"], found[0]["request_id"]) == (kim.id, REQUEST)


async def test_a_screened_registration_leads_to_its_entry(
    database_url: str, database: Database, pool: asyncpg.Pool
) -> None:
    policy = str(ROOT / "examples" / "registration" / "guide.toml")
    settings = settings_of(
        database_url=database_url, basic_auth_user=USER, basic_auth_password=PASSWORD, registration_policy=policy
    )
    asked = json.loads(registration({"login": "jo@example.org", "email": "jo@example.org"}))
    body = json.dumps(asked | {"eventId": "the-event"}).encode()
    async with make_parts(settings, database) as parts:
        (answer,) = await ask(parts, call(body, path="/okta/registration"))
    (entry,) = await entries(pool)
    assert (entry["action"], entry["code"]) == ("screened", code_of(answer))
    assert entry["event_id"] == "the-event"
    assert "jo@" not in str(entry)


async def test_a_success_leaves_its_event_delivery_and_request(parts: Parts, add: Add, pool: asyncpg.Pool) -> None:
    kim = await add("kim@example.com", "right", okta_id="00u1")
    body = delivery(event("event-uuid", "00u1"), event("event-uuid", "00u1"), event_id="the-delivery")
    for _ in range(2):
        await ask(parts, call(body, path="/okta/events"))
    (entry,) = await entries(pool)
    assert entry == {
        "action": "forgotten",
        "reason": "SUCCESS event-uuid",
        "code": None,
        "account_id": kim.id,
        "event_id": "the-delivery",
        "request_id": "ZCCzm8j2wTvzwele2NwLnwAADSc",
    }


async def test_a_retired_account_leaves_its_proof(add: Add, pool: asyncpg.Pool) -> None:
    kim = await add("kim@example.com", "right", okta_id="00u1")
    async with pool.acquire() as proxy, proxy.transaction():
        assert await retire(plain(proxy), [Retired(kim.id, "00u1", "reset in Okta")]) == [kim.id]
    (entry,) = await entries(pool)
    assert (entry["action"], entry["reason"], entry["account_id"]) == ("retired", "reset in Okta", kim.id)


async def test_what_is_rolled_back_leaves_no_entry(add: Add, pool: asyncpg.Pool) -> None:
    kim = await add("kim@example.com", "right", okta_id="00u1")
    async with pool.acquire() as proxy:
        transaction = proxy.transaction()
        await transaction.start()
        await retire(plain(proxy), [Retired(kim.id, "00u1", "reset in Okta")])
        await transaction.rollback()
    assert await entries(pool) == []


async def test_entries_wait_while_the_database_is_away_and_a_flood_is_counted(
    database: Database, pool: asyncpg.Pool
) -> None:
    trail, nowhere = AuditTrail(), Database("postgresql://127.0.0.1:9/x")
    for number in range(MOST + 7):
        trail.note(Entry(Action.REFUSED, f"{number}"))
    await nowhere.open()
    await trail.flush(nowhere)
    await nowhere.close()
    await trail.flush(database)
    await trail.close(database)
    reasons = [entry["reason"] for entry in await entries(pool)]
    assert len(reasons) == MOST + 1
    assert "7 entries" in reasons


async def test_a_batch_whose_connection_breaks_off_in_its_midst_is_written_later_and_once(
    database_url: str, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    database, trail, record, pieces = Database(database_url), AuditTrail(), audit.record, 0

    async def broken_off(connection: asyncpg.Connection, *piece: Any) -> None:
        nonlocal pieces
        pieces += 1
        if pieces == 2:
            await pool.execute("SELECT pg_terminate_backend($1)", connection.get_server_pid())
        await record(connection, *piece)

    monkeypatch.setattr(audit, "record", broken_off)
    for number in range(2 * PIECE + 1):
        trail.note(Entry(Action.REFUSED, str(number)))
    await database.open()
    await trail.flush(database)
    assert await entries(pool) == []
    await trail.flush(database)
    await database.close()
    assert sorted(int(str(entry["reason"])) for entry in await entries(pool)) == list(range(2 * PIECE + 1))


async def test_closing_waits_for_the_batch_that_is_being_written(
    database: Database, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    trail, record, begun, go_on = AuditTrail(), audit.record, asyncio.Event(), asyncio.Event()

    async def held(connection: asyncpg.Connection, *piece: Any) -> None:
        begun.set()
        await go_on.wait()
        await record(connection, *piece)

    monkeypatch.setattr(audit, "record", held)
    trail.note(Entry(Action.REFUSED, "held"))
    writing = asyncio.create_task(trail.flush(database))
    await begun.wait()
    closing = asyncio.create_task(trail.close(database))
    await asyncio.sleep(0)  # closing runs until it waits
    closed_early = closing.done()
    go_on.set()
    await asyncio.gather(writing, closing)
    assert not closed_early
    assert [entry["reason"] for entry in await entries(pool)] == ["held"]


async def test_the_trail_is_only_added_to(pool: asyncpg.Pool) -> None:
    await pool.execute("INSERT INTO audit (action, reason) VALUES ('refused', 'x')")
    for statement in ("UPDATE audit SET reason = 'y'", "TRUNCATE audit"):
        with pytest.raises(asyncpg.RestrictViolationError, match="only added to"):
            await pool.execute(statement)
    with pytest.raises(asyncpg.InvalidParameterValueError, match="100 days"):
        await pool.execute("SELECT prune_audit('99 days', 10)")


async def test_what_is_old_is_pruned_but_for_a_success_that_means_nobody_yet(pool: asyncpg.Pool) -> None:
    await pool.execute("INSERT INTO audit (action, reason, at) VALUES ('refused', 'old', now() - interval '101 days')")
    await pool.execute("INSERT INTO audit (action, reason) VALUES ('refused', 'new')")
    for uuid, outcome, effect, age in (
        ("old", "SUCCESS", "migrated", 101),
        ("failed", "FAILURE", "unmatched", 101),
        ("waits", "SUCCESS", "unmatched", 101),
        ("new", "SUCCESS", "migrated", 99),
    ):
        await pool.execute(
            "INSERT INTO import_events (uuid, outcome, channel, effect, received_at) "
            "VALUES ($1, $2, 'hook', $3, now() - make_interval(days => $4))",
            uuid, outcome, effect, age,
        )  # fmt: skip
    await pool.execute(
        "INSERT INTO unreadable_events (digest, channel, fault, body, received_at) "
        "VALUES ('x', 'hook', 'x', 'x', now() - interval '101 days')"
    )
    async with pool.acquire() as proxy:
        assert await audit.prune(plain(proxy), timedelta(days=100), 1000) == 4
    assert [entry["reason"] for entry in await entries(pool)] == ["new"]
    assert await pool.fetchval("SELECT array_agg(uuid ORDER BY uuid) FROM import_events") == ["new", "waits"]
    assert await pool.fetchval("SELECT count(*) FROM unreadable_events") == 0


async def test_the_trail_is_exported_as_json_lines_and_found_by_code_login_and_time(
    parts: Parts, add: Add, database_url: str, pool: asyncpg.Pool
) -> None:
    await add("kim@example.com", "right")
    answers = await ask(
        parts, call(sign_in("kim@example.com", "right")), call(sign_in("nobody@example.com", "marked-password"))
    )
    everybody = await pool.fetchval("SELECT max(id) FROM accounts")
    await pool.execute(
        "INSERT INTO audit (action, reason, account_id, last_account_id) VALUES ('loaded', 'new', 1, $1)", everybody
    )

    async def exported(*arguments: str) -> list[dict[str, object]]:
        command = [sys.executable, "-m", "service", "audit", "export", *arguments]
        environment = os.environ | {"DATABASE_URL": database_url}
        done = await asyncio.to_thread(
            subprocess.run, command, capture_output=True, text=True, env=environment, check=True
        )
        return [json.loads(line) for line in done.stdout.splitlines()]

    whole = await exported()
    assert [entry["action"] for entry in whole] == ["verified", "refused", "loaded"]
    assert "marked" not in json.dumps(whole)
    assert whole[0]["login"] == "kim@example.com"
    assert [entry["code"] for entry in await exported("--code", code_of(answers[1]))] == [code_of(answers[1])]
    assert [entry["action"] for entry in await exported("--login", "KIM@example.com")] == ["verified", "loaded"]
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%d")
    assert await exported("--since", tomorrow) == []
    assert len(await exported("--until", tomorrow)) == 3

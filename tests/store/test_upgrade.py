"""A store created and filled by commit 6ca28d0: every migration since then keeps its content, and it continues to work.

`store-6ca28d0.sql` is a plain dump of it: accounts in every state, hashes of five sources, some of them encrypted
under the key `KEY`, a tombstone of each kind, a deleted login, import events and the audit trail.
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from service.administration.status import name_stuck, report_progress
from service.app import make_app, make_parts
from service.cli.name_report import TOO_COSTLY
from service.store.database import Database
from service.store.hash_keys import UsedKey, key_history
from service.store.migrations import upgrade
from service.store.name_report import report_names
from tests.loading.loader import command
from tests.service_fixtures import AUTHORIZATION, PASSWORD, USER, Client, settings_of

DUMP = Path(__file__).with_name("store-6ca28d0.sql")
KEY = base64.b64encode(bytes(range(32))).decode()
KEYS = json.dumps({"k1": KEY})
PEPPER = "pepper of the shop"

PASSWORDS = [
    ("ada@corp.example", "ada-pass-1"),
    ("ada@corp.example", "ada-crm-pass-1"),
    ("bob@corp.example", "bob-pass-1"),
    ("bjones@corp.example", "bjones-pass-1"),
    ("alias-owner@corp.example", "alias-pass-1"),
    ("carol@corp.example", "carol2-pass-1"),
    ("dave@corp.example", "dave-pass-1"),
    ("zoë@corp.example", "zoe-pass-1"),
    ("multi@corp.example", "multi-pass-1"),
    ("multi@corp.example", "multi-pass-2"),
    ("md5user@corp.example", "md5-pass-1"),
    ("verified@corp.example", "verified-pass-1"),
    ("wasalias@corp.example", "wasalias-pass-1"),
    ("phpass@corp.example", "test12345"),
    ("ldapper@corp.example", "ldap-pass-1"),
    *[(f"pep{number}@corp.example", f"pep-pass-{number}") for number in range(3)],
    *[(f"enc{number}@corp.example", f"enc-pass-{number}") for number in range(3)],
    ("encmulti@corp.example", "encmulti-pass-1"),
    ("encmulti@corp.example", "encmulti-pass-2"),
]
NOT_VERIFIED = [
    ("success@corp.example", "success-pass-1"),
    ("reset@corp.example", "reset-pass-1"),
    ("nohash@corp.example", "5f4dcc3b5aa765d61d8327deb882cf99"),
    ("deleted@corp.example", "deleted-pass-1"),
]


@pytest.fixture
def upgraded_url(empty_database_url: str) -> str:
    """Return the URL of the old store after every migration."""
    fill(empty_database_url)
    upgrade(empty_database_url)
    return empty_database_url


def fill(url: str) -> None:
    """Restore the dump into an empty database."""

    async def restore() -> None:
        connection = await asyncpg.connect(url)
        await connection.execute(DUMP.read_text(encoding="utf-8"))
        await connection.close()

    asyncio.run(restore())


@pytest.fixture
async def upgraded(upgraded_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(upgraded_url)
    yield connection
    await connection.close()


@pytest.fixture
async def upgraded_client(upgraded_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Client]:
    """Yield the service over the upgraded store."""
    monkeypatch.setenv("SHOP_PEPPER", PEPPER)
    settings = settings_of(
        database_url=upgraded_url,
        basic_auth_user=USER,
        basic_auth_password=PASSWORD,
        hash_keys=KEYS,
    )
    database = Database(upgraded_url, connections=4)
    await database.open()
    async with make_parts(settings, database) as parts:
        client: TestClient[web.Request, web.Application]
        async with TestClient(TestServer(make_app(parts)), headers={"Authorization": AUTHORIZATION}) as client:
            yield client
    await database.close()


async def sign_in(client: Client, login: str, password: str) -> str:
    call = {"data": {"context": {"credential": {"username": login, "password": password}}}}
    async with client.post("/okta/password-import", json=call) as answer:
        found: dict[str, Any] = await answer.json()
        assert answer.status == 200, found
        return str(found["commands"][0]["value"]["credential"])


async def test_upgrading_keeps_every_account_with_its_state_and_okta_id(upgraded: asyncpg.Connection) -> None:
    states = await upgraded.fetch("SELECT state, count(*) AS number FROM accounts GROUP BY state")
    assert {row["state"]: row["number"] for row in states} == {
        "unarmed": 1, "waiting": 21, "verified": 3, "migrated": 1, "retired": 1
    }  # fmt: skip
    bound = await upgraded.fetch("SELECT login, okta_id FROM accounts WHERE okta_id IS NOT NULL ORDER BY login")
    assert [tuple(row) for row in bound] == [
        ("ada@corp.example", "00uADA0000000000001"),
        ("carol@corp.example", "00uCAROL000000000001"),
        ("reset@corp.example", "00uRESET000000000001"),
        ("success@corp.example", "00uSUCCESS0000000001"),
        ("verified@corp.example", "00uVERIFIED000000001"),
    ]


async def test_upgrading_keeps_tombstones_events_and_the_audit_trail(upgraded: asyncpg.Connection) -> None:
    proofs = await upgraded.fetch("SELECT login, proof FROM accounts WHERE forgotten_at IS NOT NULL ORDER BY login")
    assert [tuple(row) for row in proofs] == [
        ("reset@corp.example", "forgotten by operator"),
        ("success@corp.example", "11111111-1111-1111-1111-111111111111"),
    ]
    effects = await upgraded.fetch("SELECT effect FROM import_events ORDER BY uuid")
    assert [row["effect"] for row in effects] == ["migrated", "kept", "unmatched"]
    assert await upgraded.fetchval("SELECT count(*) FROM audit") == 14
    assert await upgraded.fetchval("SELECT count(*) FROM deleted_logins") == 1
    assert await upgraded.fetchval("SELECT count(*) FROM unreadable_events") == 1
    assert await key_history(upgraded) == [UsedKey("k1", None, None)]  # the time of first use is unknown


async def test_upgrading_keeps_every_hash(upgraded: asyncpg.Connection) -> None:
    kept = await upgraded.fetch(
        "SELECT source.name, count(*) AS number, count(key_id) AS encrypted FROM hashes"
        " JOIN sources AS source ON source.id = source_id GROUP BY source.name ORDER BY source.name"
    )
    assert [tuple(row) for row in kept] == [
        ("costly", 2, 0), ("crm", 5, 5), ("ldap", 1, 0), ("peppered", 3, 0), ("shop", 14, 0)
    ]  # fmt: skip


async def test_after_the_upgrade_everybody_still_signs_in_with_their_password(upgraded_client: Client) -> None:
    verdicts = {(login, password): await sign_in(upgraded_client, login, password) for login, password in PASSWORDS}
    assert [tried for tried, verdict in verdicts.items() if verdict != "VERIFIED"] == []


COSTLY = ["costly1@corp.example", "costly2@corp.example"]
"""Eight bcrypt hashes of cost 15, and scrypt with an N that RFC 7914 does not define."""


async def test_after_the_upgrade_hashes_that_are_too_costly_are_answered_503_and_are_no_dummy_hashes(
    upgraded_client: Client,
) -> None:
    for login in COSTLY:
        call = {"data": {"context": {"credential": {"username": login, "password": "anything"}}}}
        async with upgraded_client.post("/okta/password-import", json=call) as answer:
            assert (answer.status, (await answer.json())["error"]["code"]) == (503, "unusable_hash")
    assert await sign_in(upgraded_client, "unknown@corp.example", "anything") == "UNVERIFIED"


async def test_after_the_upgrade_hashes_that_are_too_costly_are_listed(upgraded: asyncpg.Connection) -> None:
    assert (await report_progress(upgraded, names=await report_names(upgraded)))["stuck"]["too_costly"] == len(COSTLY)
    assert (await name_stuck(upgraded))["too_costly"] == COSTLY


async def test_after_the_upgrade_no_forgotten_or_missing_hash_verifies(upgraded_client: Client) -> None:
    verdicts = {tried: await sign_in(upgraded_client, *tried) for tried in NOT_VERIFIED}
    assert set(verdicts.values()) == {"UNVERIFIED"}


async def test_after_the_upgrade_a_wrong_password_is_still_wrong(upgraded_client: Client) -> None:
    logins = dict(PASSWORDS)
    assert {await sign_in(upgraded_client, login, "wrong") for login in logins} == {"UNVERIFIED"}


async def test_after_the_upgrade_names_that_several_people_claim_and_aliases_with_an_at_sign_open_nothing(
    upgraded_client: Client,
) -> None:
    tried = [
        ("bob", "bob-pass-1"),
        ("bob", "bjones-pass-1"),
        ("carol", "carol-pass-1"),
        ("carol", "carol2-pass-1"),
        ("countess@corp.example", "ada-pass-1"),
        ("ceo@corp.example", "alias-pass-1"),
        ("deleted@corp.example", "wasalias-pass-1"),
    ]
    assert {await sign_in(upgraded_client, *each) for each in tried} == {"UNVERIFIED"}


async def test_the_upgrade_lists_the_names_that_open_no_account(upgraded: asyncpg.Connection) -> None:
    report = await report_names(upgraded, None)
    assert {problem.value: list(count.names) for problem, count in report.items()} == {
        "ambiguous_until_bound": ["carol"],
        "ambiguous": ["bob"],
        "inert_without_opt_in": [
            "ceo@corp.example",
            "countess@corp.example",
            "info@corp.example",
            "ldapper.alt@corp.example",
        ],
        "inert_login_of_another": ["deleted@corp.example"],
    }


def test_migrate_lists_them_and_too_costly_hashes_once_and_a_dry_run_lists_them_again(
    empty_database_url: str, tmp_path: Path
) -> None:
    fill(empty_database_url)
    first, second = (command("migrate", url=empty_database_url) for _ in range(2))
    assert [first.returncode, second.returncode] == [0, 0]
    assert "(type the full login)\n    bob\n" in first.stdout
    assert "bob" not in second.stdout
    costly = f"2 accounts {TOO_COSTLY}\n  {', '.join(COSTLY)}\n"
    assert costly in first.stdout
    assert costly not in second.stdout
    export = tmp_path / "export.csv"
    export.write_text("login,password_hash\n")
    dry_run = command("load", str(export), "--source", "shop", "--dry-run", url=empty_database_url, HASH_KEYS=KEYS)
    assert "(type the full login)\n    bob\n" in dry_run.stdout
    assert costly in dry_run.stdout

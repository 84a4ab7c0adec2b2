"""The search for one account on the status page: who may use it, its results, and its audit entries."""

import base64
from collections.abc import AsyncIterator, Mapping

import asyncpg
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from service.app import make_admin_app
from service.settings import BadSettings, Settings, load_settings
from service.store.database import Database
from service.web.parts import Parts
from service.web.status_page.account import Allowance
from tests.people import sign_in
from tests.service_fixtures import PASSWORD, USER, Add, Client, settings_of
from tests.web.test_status_page import words

ADMIN_PASSWORD = "correct horse battery"
LOGIN = "jessie.smith@example.com"
Page = TestClient[web.Request, web.Application]


def basic(password: str, user: str = "admin") -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


RIGHT = basic(ADMIN_PASSWORD)


@pytest.fixture
def settings(database_url: str) -> Settings:
    return settings_of(
        database_url=database_url,
        basic_auth_user=USER,
        basic_auth_password=PASSWORD,
        admin_password=ADMIN_PASSWORD,
        bcrypt="package",  # the others are verified at start, which takes longer than a search
    )


@pytest.fixture
async def admin(parts: Parts) -> AsyncIterator[Page]:
    async with TestClient(TestServer(make_admin_app(parts))) as client:
        yield client


async def searched(admin: Page, name: str, headers: Mapping[str, str] = RIGHT) -> str:
    answer = await admin.post("/account", data={"name": name}, headers=headers)
    assert answer.status == 200, await answer.text()
    return words(await answer.text())


async def test_the_status_page_leads_to_the_search(admin: Page) -> None:
    assert 'href="/account"' in await (await admin.get("/")).text()
    answer = await admin.get("/account", headers=RIGHT)
    assert 'method="post"' in await answer.text()
    assert answer.headers["Cache-Control"] == "no-store"


async def test_without_a_password_there_is_no_search(parts: Parts) -> None:
    object.__setattr__(parts.settings, "admin_password", None)
    async with TestClient(TestServer(make_admin_app(parts))) as client:
        assert (await client.get("/account", headers=RIGHT)).status == 404
        assert "/account" not in await (await client.get("/")).text()


WRONG = [
    {},
    basic("wrong"),
    basic(""),
    basic(ADMIN_PASSWORD, "root"),
    basic(ADMIN_PASSWORD, "Admin"),
    {"Authorization": "Basic " + ADMIN_PASSWORD},
    {"Authorization": "Bearer " + RIGHT["Authorization"].split()[1]},
    {"Authorization": RIGHT["Authorization"] + "=="},
]


@pytest.mark.parametrize("method", ["get", "post"])
async def test_who_has_not_the_password_gets_nothing(admin: Page, add: Add, pool: asyncpg.Pool, method: str) -> None:
    await add(LOGIN, "password1")
    for headers in WRONG:
        data = {"name": LOGIN} if method == "post" else None
        answer = await admin.request(method, "/account", headers=headers, data=data)
        assert answer.status == 401, headers
        assert answer.headers["WWW-Authenticate"].startswith("Basic realm=")
        assert LOGIN not in await answer.text()
    assert await pool.fetchval("SELECT count(*) FROM audit WHERE action = 'searched'") == 0


async def test_after_ten_wrong_passwords_even_the_right_one_has_to_wait(admin: Page) -> None:
    statuses = [(await admin.get("/account", headers=basic(f"wrong {number}"))).status for number in range(11)]
    assert statuses == [401] * 10 + [429]
    answer = await admin.get("/account", headers=RIGHT)
    assert (answer.status, int(answer.headers["Retry-After"]) > 50) == (429, True)


async def test_searches_are_throttled(admin: Page) -> None:
    for _ in range(30):
        await searched(admin, "a")
    answer = await admin.post("/account", data={"name": LOGIN}, headers=RIGHT)
    assert answer.status == 429
    assert "Too many searches. Try again in" in words(await answer.text())


async def test_a_form_of_another_site_is_refused(admin: Page) -> None:
    for headers, status in (
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({}, 200),
    ):
        answer = await admin.post("/account", data={"name": "a"}, headers=RIGHT | headers)
        assert answer.status == status, headers


async def test_each_search_is_audited_without_the_name(
    admin: Page, add: Add, pool: asyncpg.Pool, capsys: pytest.CaptureFixture[str]
) -> None:
    person = await add(LOGIN, "password1")
    await searched(admin, f"  {LOGIN.upper()} ")
    await searched(admin, "nobody@example.com")
    rows = await pool.fetch("SELECT account_id, reason FROM audit WHERE action = 'searched' ORDER BY id")
    reason = "status page, asked by admin at 127.0.0.1"
    assert [tuple(row) for row in rows] == [(person.id, reason), (None, reason)]
    logged = capsys.readouterr()
    assert "nobody@" not in (logged.out + logged.err)


async def test_without_a_database_nothing_is_shown(admin: Page, add: Add, database: Database) -> None:
    await add(LOGIN, "password1")
    await database.close()
    answer = await admin.post("/account", data={"name": LOGIN}, headers=RIGHT)
    assert answer.status == 503
    assert LOGIN not in await answer.text()


TOMBSTONE = "state = '{}', forgotten_at = now(), proof = 'end_of_programme: 2026'"


EXPLAINED = {
    "okta_id = '00u1'": "The right password was not entered yet. If the person is sure of it: password-import try",
    "okta_id = NULL": "It is not bound to an Okta user. If there is no such user, run password-import provision",
    "state = 'verified', verified_at = now()": "The right password was entered, and Okta's SUCCESS is expected.",
    "state = 'verified', verified_at = now() - interval '3 d'": "entered 3 d ago. Okta did not store it: READ_ONLY",
    TOMBSTONE.format("migrated"): "It has migrated: Okta stores the password and no longer asks. If the person has",
    TOMBSTONE.format("retired"): "Its hash was deleted: end_of_programme: 2026. Reset the password in Okta.",
    "state = 'unarmed', disabled_reason = 'is_active = 0'": "loaded without a usable hash (is_active = 0). Reset",
    "okta_id = '00u2', superseded = true": "Another account has this login in Okta by now.",
}


async def test_the_state_of_an_account_is_explained(admin: Page, add: Add, pool: asyncpg.Pool) -> None:
    for number, (change, told) in enumerate(EXPLAINED.items()):
        has_hash = not any(state in change for state in ("migrated", "retired", "unarmed"))
        person = await add(f"p{number}@example.com", "password1" if has_hash else None)
        await pool.execute(f"UPDATE accounts SET {change} WHERE id = $1", person.id)  # noqa: S608 (of this file)
        await pool.execute(
            "INSERT INTO import_events (uuid, outcome, reason, channel, account_id, effect) "
            "VALUES ($1, 'FAILURE', 'READ_ONLY', 'hook', $2, 'kept')",
            f"e{number}", person.id,
        )  # fmt: skip
        page = await searched(admin, person.login)
        assert told in page, change
        assert f"Account {person.id} Login {person.login}" in page
        assert "FAILURE (READ_ONLY): kept, by hook" in page


async def test_a_hash_is_never_shown(admin: Page, add: Add, pool: asyncpg.Pool) -> None:
    await add(LOGIN, "password1", identifiers=("jessie",))
    answer = await admin.post("/account", data={"name": "jessie"}, headers=RIGHT)
    text = await answer.text()
    assert "bcrypt 4, not encrypted" in text
    assert "$2b$" not in text


async def test_a_missing_pepper_and_an_unreadable_hash_are_named(admin: Page, add: Add, pool: asyncpg.Pool) -> None:
    await add(LOGIN, "password1")
    await pool.execute("""UPDATE recipes SET parameters = parameters || '{"pepper_env": "OLD_PEPPER"}'""")
    assert "needs the pepper OLD_PEPPER. Set OLD_PEPPER for every replica." in await searched(admin, LOGIN)
    await pool.execute("UPDATE recipes SET parameters = parameters - 'pepper_env'")
    await pool.execute("UPDATE hashes SET hash = 'damaged'")
    assert "Its hash of legacy (bcrypt) cannot be checked" in await searched(admin, LOGIN)


async def test_a_name_that_opens_no_account_is_explained(admin: Page, add: Add) -> None:
    await add(LOGIN, "password1", identifiers=("shared", "mail@example.com"))
    await add("kim@example.com", "password1", identifiers=("shared",))
    for name, told in {
        "nobody@example.com": "No account has this name. Check the spelling.",
        "shared": "Several accounts claim this name (several_claims), so it identifies none. Sign in with",
        "mail@example.com": "A sign-in with this name finds no account, although an account has it",
        "": "This is not a valid login.",
        "a\0b": "This is not a valid login.",
        "x" * 1025: "This is not a valid login.",
    }.items():
        assert told in await searched(admin, name), name


async def test_failed_sign_ins_are_told(admin: Page, client: Client, add: Add) -> None:
    await add(LOGIN, "password1")
    for number in range(3):
        body = sign_in(LOGIN, f"guess {number}", eventId=str(number))
        await client.post("/okta/password-import", data=body, headers={"Content-Type": "application/json"})
    assert "Recent failed sign-ins: 3, the last one " in await searched(admin, LOGIN)


async def test_what_was_typed_and_what_is_stored_is_escaped(admin: Page, add: Add) -> None:
    evil = '"><script>alert(1)</script>'
    await add(evil, "password1")
    answer = await admin.post("/account", data={"name": evil}, headers=RIGHT)
    text = await answer.text()
    assert "<script" not in text
    assert "&lt;script&gt;" in text


async def test_of_many_accounts_with_a_name_some_are_shown_and_the_number_is_said(admin: Page, add: Add) -> None:
    for number in range(7):
        await add(f"p{number}@example.com", "password1", identifiers=("shared",))
    assert "5 of 7 accounts with this name" in await searched(admin, "shared")


async def test_another_body_than_the_form_is_refused(admin: Page) -> None:
    form = "application/x-www-form-urlencoded"
    for body, media_type, status in (
        (b"name=" + b"x" * 9000, form, 413),
        (b'{"name": "a"}', "application/json", 415),
        (b"\xff\xfe&&==%zz", form, 200),
    ):
        answer = await admin.post("/account", data=body, headers=RIGHT | {"Content-Type": media_type})
        assert answer.status == status, body


def test_an_allowance_is_bounded_and_each_key_has_its_own() -> None:
    allowance = Allowance(2, 60.0)
    for number in range(3000):
        allowance.count(f"{number}")
    assert len(allowance._acts) == Allowance.KEYS
    allowance.count("a")
    assert allowance.wait("a") == 0
    allowance.count("a")
    assert 59 < allowance.wait("a") <= 60
    assert allowance.wait("b") == 0


def test_a_short_admin_password_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADMIN_PASSWORD", "short")
    with pytest.raises(BadSettings, match="ADMIN_PASSWORD: must have at least 8 characters"):
        load_settings()


def test_the_password_is_in_no_repr(settings: Settings) -> None:
    assert ADMIN_PASSWORD not in repr(settings)

"""The shipped database roles have sufficient privileges, and no further ones."""

import asyncio
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest
from aiohttp.test_utils import TestClient, TestServer

from service.administration.accounts import delete_accounts, forget_accounts, forgive_logins, purge_attributes
from service.administration.counting import count_if_due
from service.administration.queries import Filters, last_reconciled
from service.administration.rotate_keys import rotate_keys
from service.administration.status import migration_status, name_stuck, report_progress
from service.administration.stragglers import retire_stragglers, write_stragglers
from service.app import make_admin_app, make_parts
from service.hashing.format import Recipe
from service.hooks.queries import add_own_hook, remove_own_hook
from service.loading.known_password import Subject, record_trial
from service.okta_client import open_org
from service.provisioning.plan import Plan
from service.provisioning.provision import Provisioning
from service.provisioning.rules import Outcome
from service.reconciliation.hook_calls import HookCallReader
from service.reconciliation.queries import ask_to_reread
from service.reconciliation.run import Reconciliation
from service.settings import ForgetWhen
from service.signin.readiness import what_is_missing
from service.signin.throttling import prune
from service.signin.verify import PRUNED
from service.store import audit, leases, rehearsals
from service.store.audit import Chosen
from service.store.database import Database
from service.store.hash_keys import key_history, mark_destroyed
from service.store.leases import RECONCILE, hold_lease
from service.store.migrations import ROOT
from service.store.name_report import count_names
from service.store.recipes import tried_among
from service.store.rehearsals import RehearsalPerson
from service.web.status_page.account import search
from service.web.status_page.view import view_of_store
from simulator import Org, serve
from tests.org_fixtures import org_settings, user_of
from tests.people import delivery, event, plain, sign_in
from tests.registration.asking import registration
from tests.security.serving import call, serving, wire
from tests.security.test_encryption import BOTH, PEOPLE, bcrypt_of, load
from tests.service_fixtures import PASSWORD, USER, settings_of

SCRIPT = (ROOT / "deploy" / "roles.sql").read_text()
SERVICE, OPERATOR = "password_import_service", "password_import_operator"
CREDENTIALS = {"basic_auth_user": USER, "basic_auth_password": PASSWORD}


SET_ROLE = "GRANT password_import_service, password_import_operator, password_import_stranger TO CURRENT_USER"
STRANGER = """
DO $$ BEGIN CREATE ROLE password_import_stranger; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$
"""


@pytest.fixture
async def roles(pool: asyncpg.Pool) -> None:
    """Create the roles, which this user may then assume."""
    for statement in (SCRIPT, SCRIPT, STRANGER, SET_ROLE):  # the script can be repeated
        for _ in range(20):
            try:
                await pool.execute(statement)
                break
            except asyncpg.InternalServerError:  # roles belong to the whole server, and another run changes them too
                await asyncio.sleep(0.01)


def as_role(database_url: str, role: str) -> str:
    return f"{database_url}&role={role}"


INVENTED = "person-1@test.rehearsal.invalid"


async def invent_person(database_url: str) -> None:
    """Begin a rehearsal with one person, as an operator."""
    connection = await asyncpg.connect(as_role(database_url, OPERATOR))
    await rehearsals.remove_all(connection)
    (recipe,) = await rehearsals.mix(connection)
    await rehearsals.add(connection, [RehearsalPerson(INVENTED, "invented", recipe)], timedelta(minutes=1))
    await leases.acquire(connection, leases.REHEARSE, "a rehearsal", timedelta(minutes=1))
    await connection.close()


async def test_serve_needs_no_more_than_its_role_has(
    roles: None, database_url: str, pool: asyncpg.Pool, tmp_path: Path
) -> None:
    people = [(login, bcrypt_of(password)) for login, password in PEOPLE[:3]]
    await load(as_role(database_url, OPERATOR), BOTH, *people)
    await invent_person(database_url)
    keys = json.dumps({"new": "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="})
    policy = tmp_path / "policy.toml"
    policy.write_text('known_accounts = "complete"\n')
    settings = settings_of(
        database_url=as_role(database_url, SERVICE), hash_keys=keys, registration_policy=str(policy), **CREDENTIALS
    )
    database = Database(as_role(database_url, SERVICE))
    await database.open()
    async with make_parts(settings, database) as parts, serving(parts) as url, wire(url) as connection:
        assert await what_is_missing(database, parts.revisions, parts.opener) == []
        calls = [(call(sign_in(*person)), 200) for person in PEOPLE[:2]]
        calls += [(call(sign_in(PEOPLE[0][0], "wrong")), 200), (call(sign_in(*PEOPLE[0])), 200)]
        calls += [(call(sign_in("nobody@example.com", f"guess {n}", eventId=f"{n}")), 200) for n in range(3)]
        done = delivery(event("e1", "00u1", PEOPLE[0][0]), event("e2", "00u9", "nobody@example.com"), {"uuid": 7})
        calls += [(call(done, path="/okta/events"), 204)] * 2
        calls += [(call(sign_in(INVENTED, password)), 200) for password in ("invented", "wrong")]
        known = {"login": PEOPLE[1][0], "email": PEOPLE[1][0]}
        calls += [(call(registration(known), path="/okta/registration"), 204)]
        for raw, status in calls:
            answer = await connection.ask(raw)
            assert answer is not None
            assert answer.status == status, answer.body
        async with database.connection() as proxy:
            assert await last_reconciled(proxy) == {"log": None, "users": None}
            await prune(proxy)
            await audit.prune(proxy, timedelta(days=settings.audit_retention_days), PRUNED)
            await rehearsals.remove_abandoned(proxy)
        async with TestClient(TestServer(make_admin_app(parts))) as admin:
            for path in ("/metrics", "/status.json"):
                assert (await admin.get(path)).status == 200
        await parts.recorder.write(database)
        assert await count_if_due(database)
        view = await parts.page_figures.view(parts.recorder.figures())
        assert (view.away, view.hour["sign_in.verified"]) == (None, 3)
        found = await search(database, parts.opener, PEOPLE[0][0], "the test")
        assert found.number == 1
        await parts.verifier.trail.close(database)
    await database.close()
    states = await pool.fetch("SELECT state, count(*) FROM accounts GROUP BY 1 ORDER BY 1")
    assert {row["state"]: row["count"] for row in states} == {"migrated": 1, "verified": 1, "waiting": 1}
    assert await pool.fetchval("SELECT count(*) FROM audit WHERE action IN ('verified', 'refused', 'forgotten')") >= 7


async def test_operators_commands_need_no_more_than_their_role_has(
    roles: None, database_url: str, pool: asyncpg.Pool
) -> None:
    people = [(login, bcrypt_of(password)) for login, password in PEOPLE[:4]]
    await load(as_role(database_url, OPERATOR), BOTH, *people)
    database = Database(as_role(database_url, OPERATOR))
    await database.open()
    async with Org(seed=1) as org, serve(org), open_org(org_settings(org), share=1.0) as okta:
        assert (await Provisioning(database, okta, Plan(), ForgetWhen.SUCCESS).run()).outcomes == {Outcome.CREATED: 4}
        org.rename(user_of(org, PEOPLE[3][0]), "renamed@example.com")
        async with hold_lease(database, RECONCILE) as fenced:
            await Reconciliation(fenced, okta, ForgetWhen.SUCCESS).run()
            await HookCallReader(fenced, okta).catch_up()
    async with database.transaction() as connection:
        await add_own_hook(connection, "org", "inline", "00h1")
        await remove_own_hook(connection, "org", "inline", "00h1")
        await ask_to_reread(connection, datetime.now(UTC))
        names = await count_names(connection)
        assert (await report_progress(connection, names=names.report))["left"] == 4
        assert (await name_stuck(connection))["not_in_okta"] == []
    assert await purge_attributes(database) == 0
    assert await delete_accounts(database, Filters(ids=[1]), erase=False) == 1
    assert await forgive_logins(database, [PEOPLE[0][0]]) == 1
    assert await forget_accounts(database, Filters(ids=[2])) == 1
    assert (await write_stragglers(database, io.StringIO())).total() == 2
    assert (await retire_stragglers(database)).total() == 2
    await database.close()
    assert await pool.fetchval("SELECT okta_login FROM accounts WHERE id = 4") == "renamed@example.com"


async def test_operators_load_rotate_and_read_the_trail(roles: None, database_url: str) -> None:
    people = [(login, bcrypt_of(password)) for login, password in PEOPLE[:3]]
    for rows in (people, [(people[0][0], bcrypt_of("another")), *people[1:]]):
        await load(as_role(database_url, OPERATOR), BOTH, *rows)
    database = Database(as_role(database_url, OPERATOR))
    await database.open()
    assert (await rotate_keys(database, BOTH)).left == 0
    async with database.transaction() as connection:
        assert (await migration_status(connection))["accounts"]["total"] == 3  # type: ignore[index]  # an object
        assert [row["action"] async for row in audit.export(connection, Chosen())] == ["loaded", "loaded"]
    assert (await view_of_store(settings_of(), database)).counts is not None
    await record_trial(database, Subject(()), Recipe("md5"), diagnosed=False)
    await record_trial(database, Subject(()), Recipe("md5"), diagnosed=False)
    async with database.connection() as connection:
        assert await tried_among(connection, ["md5"]) == {"md5"}
        assert [used.key_id for used in await key_history(connection)] == ["new"]
        assert await mark_destroyed(connection, "new") is not None
    await database.close()


FORBIDDEN = [
    "SELECT * FROM tried_formats",
    "INSERT INTO tried_formats (format) VALUES ('md5')",
    "INSERT INTO hashes (account_id, source_id, recipe_id, hash) VALUES (1, 1, 1, 'x')",
    "UPDATE hashes SET hash = 'planted'",
    "TRUNCATE hashes",
    "INSERT INTO accounts (login, login_key, state) VALUES ('x', 'x', 'unarmed')",
    "UPDATE accounts SET login_key = 'x'",
    "DELETE FROM accounts",
    "UPDATE recipes SET format = 'cleartext'",
    "INSERT INTO recipes (format, parameters, cost, dummy_hash) VALUES ('cleartext', '{}', '', '{}')",
    "UPDATE import_events SET outcome = 'SUCCESS'",
    "SELECT * FROM audit",
    "UPDATE audit SET reason = 'x'",
    "DELETE FROM audit",
    "TRUNCATE audit",
    "UPDATE installation SET value = 'x' WHERE name = 'binding_gate'",
    "INSERT INTO installation VALUES ('x', 'x')",
    "SELECT * FROM deleted_logins",
    "SELECT * FROM log_cursors",
    "SELECT next_link FROM log_cursors",
    "SELECT * FROM hash_keys",
    "CREATE TABLE mine (x int)",
    "CREATE TEMPORARY TABLE mine (x int)",
    "ALTER TABLE hashes DISABLE TRIGGER ALL",
    "DROP TABLE audit",
    "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
]


@pytest.mark.parametrize("statement", FORBIDDEN)
async def test_the_services_role_may_not(roles: None, database_url: str, statement: str) -> None:
    connection = await asyncpg.connect(as_role(database_url, SERVICE))
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute(statement)
    await connection.close()


async def test_the_services_role_can_not_change_the_keys_of_the_installation(
    roles: None, database_url: str, pool: asyncpg.Pool
) -> None:
    before = await pool.fetch("SELECT * FROM installation ORDER BY name")
    connection = await asyncpg.connect(as_role(database_url, SERVICE))
    assert await connection.execute("UPDATE installation SET value = 'x' WHERE name = 'login_digest_key'") == "UPDATE 0"
    await connection.close()
    assert await pool.fetch("SELECT * FROM installation ORDER BY name") == before


async def test_nobody_else_reads_anything(roles: None, database_url: str, pool: asyncpg.Pool) -> None:
    tables = await pool.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    assert len(tables) > 10
    async with pool.acquire() as proxy:
        connection = plain(proxy)
        await connection.execute("SET ROLE password_import_stranger")
        for (table,) in tables:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(f"SELECT * FROM public.{table}")  # noqa: S608 (names of our tables)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("SELECT public.prune_audit('1000 days', 1)")
        await connection.execute("RESET ROLE")

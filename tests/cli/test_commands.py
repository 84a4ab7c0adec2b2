"""The commands as they are run: register, check, provision, reconcile, against an org and a service over HTTP."""

import asyncio
import csv
import json
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest
from aiohttp.test_utils import TestServer

from service.app import make_app, make_parts
from service.store.database import Database
from service.store.figures import read_figures
from simulator import HeaderSecret, Org
from simulator.clients import Client as HookClient
from simulator.hook_oauth import HOOK_SCOPE
from tests.auth.forging import AUDIENCE
from tests.org_fixtures import Running, user_of
from tests.people import state_of
from tests.service_fixtures import Add, settings_of

JESSIE, KIM = "jessie.smith@example.com", "kim.sato@example.com"
Run = Callable[..., Awaitable["Ran"]]


@dataclass
class Ran:
    code: int
    out: str
    err: str


@pytest.fixture
def environment(org: Org, database_url: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "DATABASE_URL": database_url,
        "OKTA_CLIENT_ORGURL": org.url,
        "OKTA_CLIENT_TOKEN": org.api_token,
        "BASIC_AUTH_USER": "admin",
        "BASIC_AUTH_PASSWORD": "supersecret",
    }


@pytest.fixture
def run(org: Org, environment: dict[str, str], tmp_path: Path) -> Run:
    async def call(*arguments: str, **more: str) -> Ran:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "service",
            *arguments,
            env=environment | more,
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        ran = Ran(process.returncode or 0, out.decode(), err.decode())
        assert org.api_token not in ran.out + ran.err
        assert "supersecret" not in ran.out + ran.err
        return ran

    return call


async def test_a_migration_from_the_command_line(
    org: Org, service: Running, add: Add, run: Run, pool: asyncpg.Pool, tmp_path: Path
) -> None:
    await add(JESSIE)
    await add("kim")
    early = await run("provision")
    assert (early.code, len(org.users)) == (2, 0)
    assert "hooks register" in early.err

    registered = await run("hooks", "register", service.url)
    assert (registered.code, registered.err) == (0, "")
    assert registered.out.splitlines()[-1] == "the hooks are as they should be"

    expected = await run("provision", "--dry-run", "--json")
    assert json.loads(expected.out)["methods"] == {"hook": 1}
    assert len(org.users) == 0

    provisioned = await run("provision", "--group", "pilot", "--json")
    assert provisioned.code == 3
    assert json.loads(provisioned.out)["outcomes"] == {"created": 1, "refused": 1}
    with (tmp_path / "refused.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["reason"] == "login: must have from 5 to 100 characters; email: is missing"
    (group,) = org.groups.values()
    assert user_of(org, JESSIE).groups == {group["id"]}

    corrected = tmp_path / "corrected.csv"
    corrected.write_text(f"account_id,login,email\n{row['account_id']},{KIM},{KIM}\n")
    again = await run("provision", "--corrected", str(corrected), "--json")
    assert (again.code, json.loads(again.out)["outcomes"]) == (0, {"created": 1})

    org.switch(drop=1.0)
    await org.sign_in(KIM, "password1")
    org.reset_password(user_of(org, JESSIE))
    reconciled = await run("reconcile", "--json")
    assert reconciled.code == 0, reconciled.err
    progress = json.loads(reconciled.out)
    assert (progress["log"]["effects"], progress["users"]["retired"]) == ({"migrated": 1}, {"password_in_okta": 1})
    assert await pool.fetchval("SELECT count(*) FROM hashes") == 0


async def test_a_dry_run_names_what_the_user_schema_refuses_before_anything_is_created(
    org: Org, add: Add, run: Run, pool: asyncpg.Pool
) -> None:
    await add(JESSIE)
    await add(KIM)
    profile = {"id": "7", "level": "3", "firstName": "Jessie"}
    await pool.execute("UPDATE accounts SET profile = $1 WHERE login = $2", json.dumps(profile), JESSIE)
    await pool.execute("UPDATE sources SET attributes = attributes || '{id,level}'")
    org.attribute_types["level"] = {"type": "number"}
    org.user_types["contractor"] = {"id": {"type": "string"}}
    ran = await run("provision", "--dry-run", "--json")
    assert ran.code == 0
    told = json.loads(ran.out)
    assert (told["outcomes"], told["methods"]) == ({"refused": 1}, {"hook": 1})
    assert {(each["attribute"], each["fault"]) for each in told["schema"]} == {
        ("id", "undefined"),
        ("level", "wrong_type"),
    }
    assert "id: is defined for the user type contractor" in ran.err
    assert len(org.users) == 0


async def test_a_dry_run_without_the_scope_names_it_and_goes_on(org: Org, add: Add, run: Run) -> None:
    await add(JESSIE)
    ran = await run("provision", "--dry-run", "--json", OKTA_CLIENT_TOKEN="another")
    assert (ran.code, json.loads(ran.out)["methods"]) == (0, {"hook": 1})
    assert "grant okta.schemas.read" in ran.err


async def test_provision_refuses_while_the_hooks_are_broken(
    org: Org, service: Running, add: Add, run: Run, database: Database
) -> None:
    await add(JESSIE)
    await run("hooks", "register", service.url, "--no-registration")
    (hook,) = org.event_hooks.values()
    hook.active = False
    ran = await run("provision")
    assert (ran.code, len(org.users)) == (1, 0)
    assert "event hook: inactive" in ran.err.lower() or "inactive" in ran.err
    assert "nobody was created" in ran.err
    checked = await run("hooks", "check", "--no-registration", "--json")
    assert checked.code == 1
    assert [each["fault"] for each in json.loads(checked.out)] == ["inactive"]
    async with database.connection() as connection:
        kept = (await read_figures(connection)).hooks_check
    assert kept is not None
    assert (kept.faults, kept.warnings) == (1, 0)


async def test_an_address_that_is_no_org_s_is_said(service: Running, run: Run) -> None:
    ran = await run("reconcile", OKTA_CLIENT_ORGURL=service.url)
    assert ran.code == 1
    assert "Okta answered 404; Okta's own errors have a code: is OKTA_CLIENT_ORGURL the org's address?" in ran.err


async def test_an_address_where_nothing_answers_is_refused_before_any_hook_is_made(
    org: Org, add: Add, run: Run
) -> None:
    ran = await run("hooks", "register", "http://127.0.0.1:9")
    assert ran.code == 1
    assert "nothing was changed; --no-probe registers it all the same" in ran.err
    assert (org.inline_hooks, org.event_hooks) == ({}, {})


async def test_an_event_hook_that_okta_can_not_verify_leaves_nothing_behind(org: Org, run: Run) -> None:
    ran = await run("hooks", "register", "http://127.0.0.1:9", "--no-probe")
    assert ran.code == 1
    assert "verif" in ran.err.lower()
    assert (org.inline_hooks, org.event_hooks) == ({}, {})


async def test_what_was_changed_before_a_hook_failed_is_said_with_the_command_that_completes_it(
    org: Org, service: Running, add: Add, run: Run
) -> None:
    await add(JESSIE)
    org.set_password_hook("https://other.example.com/hook", HeaderSecret("Authorization", "Basic b3RoZXI="))
    org.inline_hooks["gone"] = org.inline_hooks.pop(next(iter(org.inline_hooks)))
    ran = await run("hooks", "register", service.url, "--yes")
    assert ran.code == 1
    (event_hook,) = org.event_hooks
    assert f"changed in Okta before that: the Password import events (created, {event_hook})" in ran.err
    assert f"To complete it: password-import hooks register {service.url} --yes" in ran.err


async def test_another_service_s_password_import_hook_is_shown_and_replaced_only_with_yes(
    org: Org, service: Running, add: Add, run: Run
) -> None:
    await add(JESSIE)
    theirs = org.set_password_hook("https://other.example.com/hook", HeaderSecret("Authorization", "Basic b3RoZXI="))
    ran = await run("hooks", "register", service.url)
    assert ran.code == 1
    assert "https://other.example.com/hook" in ran.err
    assert "nothing was changed; to replace it, run the command again with --yes" in ran.err
    assert (theirs.channel.uri, org.event_hooks) == ("https://other.example.com/hook", {})
    ran = await run("hooks", "register", service.url, "--yes")
    assert (ran.code, theirs.channel.uri) == (0, f"{service.url}/okta/password-import")
    assert (await run("hooks", "register", service.url)).code == 0


@pytest.mark.parametrize("by_key", [False, True], ids=["client secret", "hook key"])
async def test_hooks_registered_with_oauth_sign_people_in(
    org: Org, database: Database, database_url: str, add: Add, run: Run, pool: asyncpg.Pool, by_key: bool
) -> None:
    person = await add(JESSIE)
    key = org.hook_key() if by_key else None
    public = org.hook_keys[key].private.public_key() if key else None
    secret = None if key else "marked-client-secret-of-the-hooks"
    client = HookClient(id="0oahooks", scopes=frozenset({HOOK_SCOPE}), secret=secret, public_key=public)
    org.clients[client.id] = client
    oauth = {
        "oauth_issuer": org.issuer,
        "oauth_audience": AUDIENCE,
        "oauth_client_id": client.id,
        "oauth_scope": HOOK_SCOPE,
        "event_hook_secrets": '["the-secret-of-the-event-hook"]',
    }
    environment = {name.upper(): value for name, value in oauth.items()} | {
        "BASIC_AUTH_USER": "",
        "BASIC_AUTH_PASSWORD": "",
    }
    settings = settings_of(database_url=database_url, **oauth)
    async with make_parts(settings, database) as parts, TestServer(make_app(parts)) as server:
        url = str(server.make_url("")).rstrip("/")
        how = {} if secret is None else {"HOOK_OAUTH_CLIENT_SECRET": secret}
        chosen = ["--hook-key", key] if key else []
        registered = await run("hooks", "register", url, "--oauth", *chosen, **environment, **how)
        assert (registered.code, registered.err) == (0, "")
        assert registered.out.splitlines()[-1] == "the hooks are as they should be"
        assert "marked" not in registered.out
        assert all(hook.channel.oauth and not hook.channel.secret for hook in org.inline_hooks.values())
        assert (await run("hooks", "check", **environment)).code == 0
        org.add_user(JESSIE)
        assert (await org.sign_in(JESSIE, "password1")).imported
        await org.flush_events()
    assert await state_of(pool, person) == "migrated"


@pytest.mark.parametrize(
    "arguments, variables, said",
    [
        (["reconcile"], {"OKTA_CLIENT_ORGURL": ""}, "OKTA_CLIENT_ORGURL: is not set"),
        (["reconcile", "--since", "yesterday"], {}, "write 2026-11-22T10:00, 36h or 7d"),
        (["reconcile", "--since", "2999-01-01"], {}, "is in the future"),
        (["provision", "--share", "0%"], {}, "write a percentage"),
        (["provision", "--state", "migrated"], {}, "waiting, verified or unarmed"),
        (["hooks", "register", "http://service.example.com"], {}, "Okta calls https:// only"),
    ],
)
async def test_wrong_usage_is_said_with_code_2(
    run: Run, arguments: list[str], variables: dict[str, str], said: str
) -> None:
    ran = await run(*arguments, **variables)
    assert ran.code == 2
    assert said in " ".join(ran.err.replace("│", "").split())


async def test_reconcile_follow_applies_events_until_it_is_told_to_end(
    hooked: Org, database_url: str, add: Add, pool: asyncpg.Pool, environment: dict[str, str], tmp_path: Path
) -> None:
    person = await add(JESSIE)
    hooked.add_user(JESSIE)
    hooked.switch(drop=1.0)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "service", "reconcile", "--follow", "--every", "1",
        env=environment, cwd=tmp_path, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    await hooked.sign_in(JESSIE, "password1")
    async with asyncio.timeout(300):
        while await state_of(pool, person) != "migrated":  # noqa: ASYNC110 (what it waits for has no event)
            await asyncio.sleep(0.05)
    process.terminate()
    _, err = await process.communicate()
    assert process.returncode == 0
    assert '"event": "reconciling"' in err.decode()
    assert hooked.api_token not in err.decode()
    assert await pool.fetchval("SELECT expires_at < now() FROM leases")


async def test_what_reconcile_follow_can_not_do_is_a_warning(
    org: Org, environment: dict[str, str], tmp_path: Path
) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "service", "reconcile", "--follow", "--every", "1",
        env=environment | {"OKTA_CLIENT_TOKEN": "another"}, cwd=tmp_path, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    async with asyncio.timeout(300):
        while (line := json.loads(await process.stderr.readline()))["event"] != "reconcile_failed":
            assert line["level"] == "info" or line["event"] == "hook_calls_failed", line
    process.terminate()
    await process.communicate()
    assert line["level"] == "warning"


async def test_stragglers_are_retired_only_when_that_is_confirmed(add: Add, run: Run, pool: asyncpg.Pool) -> None:
    await add(JESSIE)
    assert (await run("stragglers", "--retire")).code != 0
    listed = await run("stragglers")
    assert listed.out.startswith("login,okta_id,state,why")
    assert await pool.fetchval("SELECT count(*) FROM hashes") == 1
    ended = await run("stragglers", "--retire", "--yes", "-o", "left.csv")
    assert ended.code == 0
    assert "1 hash forgotten" in ended.out
    assert await pool.fetchval("SELECT count(*) FROM hashes") == 0
    assert "1 account\n" in (await run("status")).out


async def test_a_refused_token_is_said_in_a_line(org: Org, run: Run) -> None:
    ran = await run("reconcile", OKTA_CLIENT_TOKEN="another")
    assert ran.code == 1
    assert ran.err.strip().endswith("the token is wrong, or lacks a permission or scope (docs/okta-api.md)")

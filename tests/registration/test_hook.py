"""`POST /okta/registration`, over real HTTP and a real store."""

import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from service.app import make_app, make_parts
from service.settings import BadSettings
from service.store.database import Database
from service.web.parts import PARTS
from tests.people import add_person
from tests.registration import code_policies
from tests.registration.asking import EMAIL, EXAMPLES, JO, call, registration, sample, update
from tests.service_fixtures import PATIENCE, answering_within, settings_of

JSON = {"Content-Type": "application/json"}
AUTHORIZATION = {"Authorization": "Basic YWRtaW46c3VwZXJzZWNyZXQ="}

Client = TestClient[web.Request, web.Application]
Serve = Callable[..., AbstractAsyncContextManager[Client]]


@pytest.fixture
def serve(database_url: str) -> Serve:
    """Run the service with a policy."""

    @asynccontextmanager
    async def serving(policy: str | None, url: str = database_url, within: float = PATIENCE) -> AsyncIterator[Client]:
        given = settings_of(
            basic_auth_user="admin",
            basic_auth_password="supersecret",
            registration_policy=policy,
            database_url=url,
        )
        settings = answering_within(given, within)
        database = Database(url, connections=2)
        await database.open()
        try:
            async with (
                make_parts(settings, database) as parts,
                TestClient(TestServer(make_app(parts)), headers=AUTHORIZATION) as client,
            ):
                yield client
        finally:
            await database.close()

    return serving


async def ask(client: Client, body: bytes) -> tuple[int, object]:
    async with client.post("/okta/registration", data=body, headers=JSON) as answer:
        raw = await answer.read()
        said = json.loads(raw) if raw else None
        if said and "commands" in said:
            assert re.fullmatch("[0-9a-f]{16}", said.pop("debugContext")["reason"])  # the code of the audit entry
        return answer.status, said


async def test_official_requests_get_their_answers(serve: Serve) -> None:
    async with serve(str(EXAMPLES / "one-domain.toml")) as client:
        status, allowed = await ask(client, sample("ssr.request.json"))
        assert status == 200
        assert allowed == {"commands": [{"type": "com.okta.action.update", "value": {"registration": "ALLOW"}}]}
        status, denied = await ask(client, sample("classic.request.json").replace(b"@example.com", b"@example.org"))
        assert (200, json.loads(sample("ssr.response.deny.json"))) == (status, denied)
        assert await ask(client, sample("progressive.request.json")) == (204, None)


async def test_without_a_policy_everybody_gets_204(serve: Serve) -> None:
    async with serve(None) as client:
        assert await ask(client, sample("ssr.request.json")) == (204, None)
        assert await ask(client, call("self.service.party")) == (204, None)


async def test_known_account_is_denied_by_its_other_address(serve: Serve, pool: asyncpg.Pool) -> None:
    await add_person(pool, "jo@work.test", identifiers=("JO@example.com",))
    async with serve(str(EXAMPLES / "known-accounts.toml")) as client:
        status, answer = await ask(client, registration(JO))
        assert (status, answer["error"]["errorCauses"][0]["reason"]) == (200, "ACCOUNT_EXISTS")  # type: ignore[index]
        assert await ask(client, registration({"login": "jo", "email": "else@example.com"})) == (204, None)


async def test_profile_is_completed_from_the_store(serve: Serve, pool: asyncpg.Pool) -> None:
    person = await add_person(pool, "jo@example.com")
    profile = json.dumps({"department": "Sales", "phone": "1"})
    await pool.execute("UPDATE accounts SET profile = $2 WHERE id = $1", person.id, profile)
    async with serve(str(EXAMPLES / "complete-from-legacy.toml")) as client:
        _, answer = await ask(client, registration(JO))
        expected = {"type": "com.okta.user.profile.update", "value": {"department": "Sales"}}
        assert answer == {"commands": [expected]}


async def test_code_looks_a_member_up_in_the_store(serve: Serve, pool: asyncpg.Pool) -> None:
    person = await add_person(pool, "member@example.com")
    profile = json.dumps({"memberNumber": "123456", "lastName": "Doe"})
    await pool.execute("UPDATE accounts SET profile = $2 WHERE id = $1", person.id, profile)
    await pool.execute("INSERT INTO sources (name, attributes) VALUES ('crm', '{memberNumber}')")
    async with serve(str(EXAMPLES / "member-number.toml")) as client:
        _, known = await ask(client, registration(JO | {"memberNumber": "123456"}))
        expected = {"type": "com.okta.user.profile.update", "value": {"userType": "member"}}
        assert known == {"commands": [expected]}
        _, unknown = await ask(client, registration(JO | {"memberNumber": "654321"}))
        assert unknown["error"]["errorCauses"][0]["reason"] == "UNKNOWN_MEMBER"  # type: ignore[index]


async def test_absent_store_is_503_where_code_asks_it(serve: Serve) -> None:
    async with serve(str(EXAMPLES / "member-number.toml"), url="postgresql://nobody@127.0.0.1:1/nowhere") as client:
        status, answer = await ask(client, registration(JO | {"memberNumber": "123456"}))
        assert (status, answer["error"]["code"]) == (503, "database_away")  # type: ignore[index]


async def test_absent_store_is_503_where_the_policy_needs_it_and_nothing_where_not(serve: Serve) -> None:
    away = "postgresql://nobody@127.0.0.1:1/nowhere"
    async with serve(str(EXAMPLES / "known-accounts.toml"), url=away) as client:
        status, _ = await ask(client, registration(JO))
        assert status == 503
        assert await ask(client, update({"a": 1})) == (204, None)


@pytest.mark.parametrize(
    "function", ["raises", "exits", "says_yes", "raises_no_exception", "is_cancelled", "is_closed"]
)
async def test_fault_of_a_policy_in_code_is_503_and_counted(serve: Serve, function: str) -> None:
    async with serve(f"tests.registration.code_policies:{function}") as client:
        status, answer = await ask(client, registration(JO))
        assert status == 503
        assert code_policies.MARK not in str(answer)
        assert EMAIL not in str(answer)
        assert client.app is not None
        registry = client.app[PARTS].telemetry.registry
        assert registry.get_sample_value("password_import_faults_total", {"fault": "policy_failed"}) == 1


async def test_policy_in_code_that_does_not_answer_is_503(serve: Serve) -> None:
    async with serve("tests.registration.code_policies:hangs", within=0.1) as client:
        status, _ = await ask(client, registration(JO))
        assert status == 503


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"\xff", registration("jo"), call("progressive.profile")])
async def test_what_is_no_request_is_400(serve: Serve, body: bytes) -> None:
    async with serve(str(EXAMPLES / "everything.toml")) as client:
        status, answer = await ask(client, body)
        assert status == 400
        assert set(answer["error"]) == {"code", "message"}  # type: ignore[index]


async def test_nobody_but_okta_is_answered(serve: Serve) -> None:
    async with serve(str(EXAMPLES / "everything.toml")) as client:
        wrong = JSON | {"Authorization": "Basic YWRtaW46d3Jvbmc="}
        async with client.post("/okta/registration", data=b"not read", headers=wrong) as answer:
            assert answer.status == 401
        async with client.get("/okta/registration") as answer:
            assert answer.status == 405
        async with client.post("/okta/registration", data=b"{}", headers={"Content-Type": "text/plain"}) as answer:
            assert answer.status == 415


async def test_service_does_not_start_with_a_faulty_policy(serve: Serve, tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text("[[rule]]\nname = 'it'\n")
    with pytest.raises(BadSettings, match=r"REGISTRATION_POLICY: .*policy.toml: line 1: the rule needs for"):
        async with serve(str(policy)):
            pass

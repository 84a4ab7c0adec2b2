"""A simulated org over HTTP, our client of it, and a store; the service itself answers the hooks."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest
from aiohttp.test_utils import TestServer
from yarl import URL

from bench.provisioning import World, world
from service.app import make_app, make_parts
from service.okta_client import OrgSettings, open_org
from service.okta_client.credentials import ApiToken
from service.okta_client.org import OktaOrg
from service.settings import Settings
from service.store.database import Database
from service.web.server import CONNECTIONS
from simulator import HeaderSecret, Org, serve
from simulator.user import User
from tests.people import Person, add_person
from tests.service_fixtures import PATIENCE, Add, settings_of

SECRET = "Basic YWRtaW46c3VwZXJzZWNyZXQ="
STORY_ACCOUNTS = 150


@pytest.fixture
def settings(database_url: str) -> Settings:
    return settings_of(database_url=database_url, basic_auth_user="admin", basic_auth_password="supersecret")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url, connections=8)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
async def org() -> AsyncIterator[Org]:
    """Yield an org whose events are delivered only when a test flushes them; its API limits exceed what tests need."""
    async with Org(seed=1, hook_timeout=PATIENCE, batch_window=0.01, reveal=True) as org:
        org.hold_deliveries = True
        async with serve(org):
            yield org


@pytest.fixture
async def okta(org: Org) -> AsyncIterator[OktaOrg]:
    async with open_org(org_settings(org), share=1.0) as okta:
        yield okta


def org_settings(org: Org) -> OrgSettings:
    return OrgSettings(URL(org.url), ApiToken(org.api_token), 10.0)


@dataclass
class Running:
    """The service on a port of its own."""

    url: str
    server: TestServer


@pytest.fixture
async def service(settings: Settings, database: Database) -> AsyncIterator[Running]:
    async with make_parts(settings, database) as parts:
        server = TestServer(make_app(parts))
        await server.start_server(**CONNECTIONS)
        yield Running(str(server.make_url("")).rstrip("/"), server)
        await server.close()


@pytest.fixture
async def hooked(org: Org, service: Running) -> Org:
    """Return the org with its hooks set to the service, and the event hook verified."""
    secret = HeaderSecret("Authorization", SECRET)
    org.set_password_hook(f"{service.url}/okta/password-import", secret)
    assert await org.verify_event_hook(org.add_event_hook(f"{service.url}/okta/events", secret))
    return org


@pytest.fixture
async def there(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """Yield an org, a service and accounts, for tests that run the commands in separate processes."""
    async with world(database_url, tmp_path, STORY_ACCOUNTS) as there:
        yield there


@pytest.fixture
def add(pool: asyncpg.Pool) -> Add:
    """Add an account to the store, by default a waiting one with the hash of its password."""

    async def put(login: str, password: str | None = "password1", **more: object) -> Person:
        return await add_person(pool, login, password, **more)  # type: ignore[arg-type]

    return put


def user_of(org: Org, login: str) -> User:
    user = org.users.get(login)
    assert user is not None
    return user

"""The service on a real port with a real database, and Okta's credentials."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import asyncpg
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from service.app import make_app, make_parts
from service.settings import Settings
from service.store.database import Database
from service.web.parts import Parts
from service.web.server import CONNECTIONS
from tests.people import Person, add_person

USER, PASSWORD = "admin", "supersecret"
AUTHORIZATION = "Basic YWRtaW46c3VwZXJzZWNyZXQ="  # the example of Okta's guide for these two

PATIENCE = 60.0
"""Seconds in which the service answers here, generous because of busy machines."""

Add = Callable[..., Awaitable[Person]]
Client = TestClient[web.Request, web.Application]


def settings_of(**given: Any) -> Settings:
    """Return settings as from the environment, without the developer's `.env`, and with long time limits."""
    settings = Settings(_env_file=None, **given)
    return settings if "request_timeout" in given else answering_within(settings, PATIENCE)


def answering_within(settings: Settings, seconds: float) -> Settings:
    """Return the same settings with another time limit, also one that Okta would not wait for."""
    return settings.model_copy(update={"request_timeout": seconds})


@pytest.fixture
def settings(database_url: str) -> Settings:
    return settings_of(database_url=database_url, basic_auth_user=USER, basic_auth_password=PASSWORD)


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    assert settings.database_url is not None
    database = Database(settings.database_url.get_secret_value(), connections=8)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
async def parts(settings: Settings, database: Database) -> AsyncIterator[Parts]:
    async with make_parts(settings, database) as parts:
        yield parts


@pytest.fixture
async def client(parts: Parts) -> AsyncIterator[Client]:
    server = TestServer(make_app(parts))
    await server.start_server(**CONNECTIONS)
    async with TestClient(server, headers={"Authorization": AUTHORIZATION}) as client:
        yield client


@pytest.fixture
async def stranger(client: Client) -> AsyncIterator[aiohttp.ClientSession]:
    """Yield a client without credentials."""
    async with aiohttp.ClientSession(client.make_url("/")) as session:
        yield session


@pytest.fixture
def add(pool: asyncpg.Pool) -> Add:
    """Add an account to the store, by default a waiting one with the hash of its password."""

    async def put(login: str, password: str | None = None, **more: object) -> Person:
        return await add_person(pool, login, password, **more)  # type: ignore[arg-type]

    return put

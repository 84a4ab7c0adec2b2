"""The setting of `simulate`: a fresh database, the three users of Okta's guide, the service, and a simulated org."""

import asyncio
import os
import secrets
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
from pydantic import SecretStr

from service.app import make_admin_app, make_app, make_parts, open_database
from service.loading.files.open import TemporaryRejects, open_export
from service.loading.hashes import HashResolver
from service.loading.load import Load
from service.loading.sources import Source
from service.loading.staging import loading_session
from service.settings import Settings, basic_header
from service.store.connect import server_dsn
from service.store.database import Database
from service.store.migrations import ROOT, upgrade
from service.web.server import listening
from simulator import HeaderSecret, Org, serve

# A temporary database for the simulation, beside the one in use, so that no existing account is affected.


@asynccontextmanager
async def fresh_database(settings: Settings) -> AsyncIterator[str]:
    """Create and migrate a database on the server of the settings; drop it afterwards."""
    name = f"story_{secrets.token_hex(4)}"
    async with server_dsn(settings) as server:
        await _execute(server, f"CREATE DATABASE {name}")
        try:
            dsn = _renamed(server, name)
            await asyncio.to_thread(upgrade, dsn)
            yield dsn
        finally:
            await _execute(server, f"DROP DATABASE {name} WITH (FORCE)")


def _renamed(dsn: str, database: str) -> str:
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{database}"))


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


INSTALLED = Path(__file__).with_name("examples")
"""The location of the examples in a wheel; in a checkout they are in `examples/`."""
EXAMPLES = INSTALLED if INSTALLED.is_dir() else ROOT / "examples"
LEGACY_USERS = EXAMPLES / "legacy-users.csv"
GUIDE_POLICY = EXAMPLES / "registration" / "guide.toml"
LOOPBACK = "127.0.0.1"
USER = "okta"


@dataclass(frozen=True)
class Stage:
    """What a simulation runs on."""

    org: Org
    database: Database
    service_url: str
    admin_url: str
    org_url: str
    authorization: str = field(repr=False)
    """The header that authenticates Okta: random, for this run only."""


@asynccontextmanager
async def set_stage(settings: Settings, *, ports: tuple[int, int, int] = (0, 0, 0)) -> AsyncIterator[Stage]:
    """Start everything on loopback, with a new random secret; stop it all afterwards."""
    password = secrets.token_urlsafe(24)
    authorization = basic_header(USER, password)
    async with fresh_database(settings) as dsn:
        await _load_legacy_users(dsn, settings)
        played = settings.model_copy(
            update={
                "database_url": SecretStr(dsn),
                "basic_auth_user": USER,
                "basic_auth_password": SecretStr(password),
                "registration_policy": settings.registration_policy or str(GUIDE_POLICY),
            }
        )
        async with (
            open_database(played) as database,
            make_parts(played, database) as parts,
            listening("service", make_app(parts), LOOPBACK, ports[0]) as service_url,
            listening("admin", make_admin_app(parts), LOOPBACK, ports[1]) as admin_url,
            Org(batch_window=0.05) as org,
            serve(org, port=ports[2]) as org_url,
        ):
            await _connect(org, service_url, HeaderSecret("Authorization", authorization))
            yield Stage(org, database, service_url, admin_url, org_url, authorization)


async def _load_legacy_users(dsn: str, settings: Settings) -> None:
    reader = open_export(LEGACY_USERS)
    with tempfile.TemporaryDirectory() as folder:
        rejects = TemporaryRejects(Path(folder) / "rejects.csv", reader)
        source = Source("legacy")
        async with loading_session(dsn) as connection:
            resolver = HashResolver(source, os.environ)
            load = Load(connection, source, resolver, rejects, forget_when=settings.forget_when)
            await load.run(iter(reader), lambda _: None)
        rejects.close()


async def _connect(org: Org, service_url: str, secret: HeaderSecret) -> None:
    """Play the administrator: create three hooks, verify one, create three users with the password hook."""
    org.set_password_hook(f"{service_url}/okta/password-import", secret)
    org.set_registration_hook(f"{service_url}/okta/registration", secret)
    hook = org.add_event_hook(f"{service_url}/okta/events", secret)
    await org.verify_event_hook(hook)
    for number, (first, last) in enumerate((("Jessie", "Smith"), ("Kim", "Sato"), ("Rajiv", "Tal")), 1):
        user = org.add_user(f"{first}.{last}@example.com".lower(), firstName=first, lastName=last)
        org.demo_passwords[user.login] = f"password{number}"  # as in examples/legacy-users.csv

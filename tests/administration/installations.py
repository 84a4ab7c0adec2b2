"""An installation into which a test puts faults, for `doctor` and `report`."""

import asyncio
import base64
import datetime as dt
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from service.administration.doctor import Area, Finding, HashCosts, Surroundings
from service.administration.examine import CHECKS, examine
from service.administration.rotate_keys import rotate_keys
from service.cli.doctor import hook_finding
from service.hooks.check import HookCheck
from service.loading.identify import RecipeReport
from service.okta.hooks import HookKind
from service.store.database import Database
from service.store.encryption import HashKeys
from service.store.health import OPERATOR_ROLE
from service.store.migrations import ROOT
from tests.hooks.hook_org import WANTED, FakeService, HookBoard, KnownHooks
from tests.people import add_person
from tests.service_fixtures import settings_of

HOST = "passwords.example.com"
KEY, OTHER_KEY = bytes(range(32)), bytes(range(32, 64))


def keys_json(**keys: bytes) -> str:
    return "{" + ", ".join(f'"{name}": "{base64.b64encode(key).decode()}"' for name, key in keys.items()) + "}"


@dataclass
class Authority:
    """A certificate authority, and what it issues."""

    name: str
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    @property
    def subject(self) -> x509.Name:
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, self.name)])

    def issue(self, name: str, key: ec.EllipticCurvePrivateKey, begin: int = -10, end: int = 90) -> str:
        """Return a certificate in PEM, valid for these days from now."""
        now = dt.datetime.now(dt.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
            .issuer_name(self.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + dt.timedelta(days=begin))
            .not_valid_after(now + dt.timedelta(days=end))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        return certificate.public_bytes(Encoding.PEM).decode()


ROOT_CA, INTERMEDIATE, PRIVATE_CA = Authority("A root"), Authority("An intermediate"), Authority("A private root")
LEAF_KEY = ec.generate_private_key(ec.SECP256R1())


def pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


class ReadableOrg:
    """An org that answers every read call; `faults` are raised by the calls that they name."""

    def __init__(self) -> None:
        self.host = "example.okta.com"
        self.clock_ahead: float | None = 0.4
        self.faults: dict[str, Exception] = {}
        self.limits: dict[str, tuple[int, int]] = {"users": (600, 590)}

    async def list_users(self) -> AsyncIterator[Sequence[object]]:
        self._note("users")
        yield []

    async def find_group(self, _name: str) -> str | None:
        self._note("groups")
        return None

    async def user_schema(self) -> object:
        self._note("schema")
        return None

    async def list_hooks(self, kind: HookKind) -> Sequence[object]:
        self._note("inline hooks" if kind.is_inline else "event hooks")
        return []

    async def log_page(self, _query: Mapping[str, str]) -> object:
        self._note("log")
        return None

    def rate_limits(self) -> Mapping[str, tuple[int, int]]:
        return self.limits

    def _note(self, what: str) -> None:
        if what in self.faults:
            raise self.faults[what]


@dataclass
class Case:
    """An installation into which a test puts a fault."""

    folder: Path
    url: str = "postgresql://127.0.0.1:9/none"
    store: asyncpg.Pool | None = field(default=None, repr=False)
    settings: dict[str, Any] = field(default_factory=dict)
    defaults: dict[str, Any] = field(
        default_factory=lambda: {
            "basic_auth_user": "admin",
            "basic_auth_password": "supersecret",
            "event_hook_secrets": '["the secret of the event hook"]',
        }
    )
    more: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    org: ReadableOrg = field(default_factory=ReadableOrg)
    server: dict[str, Any] = field(default_factory=dict)
    """Properties that the server is to report instead of its own."""
    board: HookBoard = field(default_factory=HookBoard)
    service: FakeService = field(default_factory=FakeService)
    recipes: list[RecipeReport] = field(
        default_factory=lambda: [RecipeReport("bcrypt", "bcrypt 10", 1000, 60.0, okta=True)]
    )
    speed: float = 33.0
    """Sign-ins per second on two cores."""

    @property
    def pool(self) -> asyncpg.Pool:
        assert self.store is not None, "this case has no database"
        return self.store

    async def execute(self, statement: str, *values: object) -> None:
        await self.pool.execute(statement, *values)

    async def set(self, setting: str) -> None:
        """Set a parameter for new connections to this database."""
        name = await self.pool.fetchval("SELECT current_database()")
        await self.pool.execute(f"ALTER DATABASE {name} SET {setting}")

    async def make_role(self, name: str, options: str = "") -> None:
        """Create a role, which is shared by the whole server, so that other tests may create it at the same time."""
        await self.retried(
            f"DO $$ BEGIN CREATE ROLE {name} {options}; "
            "EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
        )

    async def shipped_roles(self) -> None:
        await self.retried((ROOT / "deploy" / "roles.sql").read_text())
        await self.retried(f"GRANT {OPERATOR_ROLE} TO CURRENT_USER")

    async def retried(self, statement: str) -> None:
        for _ in range(20):
            try:
                await self.pool.execute(statement)
                break
            except asyncpg.InternalServerError:  # roles belong to the whole server, and another run changes them too
                await asyncio.sleep(0.01)

    async def add(self, login: str, **more: Any) -> int:
        return (await add_person(self.pool, login, "password1", **more)).id

    def file(self, name: str, text: str, mode: int = 0o600) -> Path:
        path = self.folder / name
        path.write_text(text)
        path.chmod(mode)
        return path

    async def encrypt(self, **keys: bytes) -> None:
        """Encrypt every hash under the first of these keys."""
        database = Database(self.url, connections=1)
        await database.open()
        await rotate_keys(database, HashKeys(keys))
        await database.close()

    def certify(self, *chain: str, key: ec.EllipticCurvePrivateKey = LEAF_KEY) -> None:
        """Set TLS_CERT to a chain of certificates, and TLS_KEY."""
        self.settings["tls_cert"] = self.file("chain.pem", "".join(chain))
        self.settings["tls_key"] = self.file("key.pem", pem(key))

    async def surroundings(self, database: Database) -> Surroundings:
        async def check() -> Sequence[Finding]:
            found = await HookCheck(self.board, KnownHooks(self.board), self.service, WANTED, verify=False).run()
            return [each for each in map(hook_finding, found) if each is not None]

        async def measure() -> HashCosts:
            return HashCosts(2, self.recipes, self.speed)

        given: dict[str, Any] = {
            "settings": settings_of(**{"database_url": self.url} | self.defaults | self.settings),
            "environment": self.environment,
            "database": database,
            "org": self.org,
            "base_url": f"https://{HOST}",
            "check_hooks": check,
            "measure_costs": measure,
            "free_space": lambda _folder: 100 * 2**30,
            "authorities": lambda: frozenset({ROOT_CA.subject.public_bytes()}),
        }
        return Surroundings(**given | self.more)


async def examined(case: Case, *areas: Area) -> list[Finding]:
    database = Database(case.settings.get("database_url") or case.url, connections=2)
    await database.open()
    try:
        around = await case.surroundings(database)
        checks = tuple(each for each in CHECKS if not areas or each[0] in areas)
        return [finding async for finding in examine(around, checks)]
    finally:
        await database.close()

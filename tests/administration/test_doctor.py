"""`doctor` names every prepared fault, and none in a healthy installation."""

import json
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import typer
from cryptography.hazmat.primitives.asymmetric import ec

from service.administration.doctor import Area, Status, system_authorities
from service.cli.doctor import doctor, findings
from service.loading.identify import RecipeReport
from service.okta.errors import NoAnswer, NoToken, ProofRefused, Refused
from service.okta.hooks import HookKind
from service.store import health
from service.store.health import OPERATOR_ROLE, SERVICE_ROLE
from simulator import Org
from tests.administration.installations import (
    HOST,
    INTERMEDIATE,
    KEY,
    LEAF_KEY,
    OTHER_KEY,
    PRIVATE_CA,
    ROOT_CA,
    Authority,
    Case,
    examined,
    keys_json,
    pem,
)
from tests.hooks.hook_org import EVENTS, PASSWORD, hook
from tests.org_fixtures import Running
from tests.people import DUMMY_HASH

OK, WARNING, FAILURE, UNKNOWN = Status.OK, Status.WARNING, Status.FAILURE, Status.UNKNOWN
Prepare = Callable[[Case], Awaitable[None]]
FAULTS: list[Any] = []


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Case:
    """Return an installation without a database, for the areas that need none."""
    monkeypatch.chdir(tmp_path)
    return Case(tmp_path)


@pytest.fixture
def case(bare: Case, pool: asyncpg.Pool, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Case:
    describe, role = health.describe_server, health.describe_role

    async def server_described(connection: asyncpg.Connection) -> health.Server:
        given = {name: value for name, value in bare.server.items() if name != "is_superuser"}
        return replace(await describe(connection), **given)

    async def role_described(connection: asyncpg.Connection) -> health.Role:
        return replace(await role(connection), is_superuser="is_superuser" in bare.server)

    monkeypatch.setattr(health, "describe_server", server_described)
    monkeypatch.setattr(health, "describe_role", role_described)
    bare.store, bare.url = pool, database_url
    return bare


OF_THE_STORE = {
    Area.DATABASE, Area.ROLE, Area.SCHEMA, Area.CLOCK, Area.DISK, Area.KEYS, Area.HASHES, Area.PEPPERS,
    Area.ATTRIBUTES, Area.NAMES, Area.RECONCILE,
}  # fmt: skip


def faults(*, of_the_store: bool) -> pytest.MarkDecorator:
    chosen = [each for each in FAULTS if (each.values[1] in OF_THE_STORE) is of_the_store]
    return pytest.mark.parametrize("prepare, area, status, texts", chosen)


def fault(area: Area, status: Status, *texts: str) -> Callable[[Prepare], Prepare]:
    """Register the function that prepares a fault, and the expected finding."""

    def register(prepare: Prepare) -> Prepare:
        FAULTS.append(pytest.param(prepare, area, status, texts, id=prepare.__name__))
        return prepare

    return register


# Settings and secret files


@fault(Area.SETTINGS, FAILURE, "Nothing authenticates Okta")
async def no_authentication(case: Case) -> None:
    case.settings |= {"basic_auth_user": None, "basic_auth_password": None}


@fault(Area.SETTINGS, FAILURE, "BASIC_AUTH_PASSWORD: secret 1 is shorter")
async def short_secret(case: Case) -> None:
    case.settings["basic_auth_password"] = "short"


@fault(Area.SETTINGS, WARNING, "are also accepted by /okta/events")
async def shared_secrets(case: Case) -> None:
    del case.defaults["event_hook_secrets"]


@fault(Area.SETTINGS, WARNING, "ALLOW_INSECURE_HTTP")
async def plain_http(case: Case) -> None:
    case.settings["allow_insecure_http"] = True


@fault(Area.SETTINGS, WARNING, "The admin port listens on 0.0.0.0")
async def open_admin_port(case: Case) -> None:
    case.settings["admin_host"] = "0.0.0.0"  # noqa: S104 (the fault)


@fault(Area.SECRET_FILES, FAILURE, "HOOK_SECRETS_FILE: ", "cannot be read: No such file")
async def no_secret_file(case: Case) -> None:
    case.settings["hook_secrets_file"] = case.folder / "missing.json"


@fault(Area.SECRET_FILES, FAILURE, "HOOK_SECRETS_FILE: the file is writable by others")
async def writable_secret_file(case: Case) -> None:
    case.settings["hook_secrets_file"] = case.file("secrets.json", '["secret of hooks"]', 0o666)


@fault(Area.SECRET_FILES, WARNING, "HASH_KEYS_FILE: every user of this machine can read")
async def readable_secret_file(case: Case) -> None:
    case.settings["hash_keys_file"] = case.file("keys.json", keys_json(k1=KEY), 0o644)


@fault(Area.SECRET_FILES, WARNING, "Every user of this machine can read .env")
async def readable_env_file(case: Case) -> None:
    case.file(".env", "", 0o644)


@fault(Area.SECRET_FILES, WARNING, "OKTA_CLIENT_PRIVATEKEY: every user of this machine can read")
async def readable_okta_key(case: Case) -> None:
    case.settings["okta_client_privatekey"] = str(case.file("okta.pem", pem(LEAF_KEY), 0o644))


# The server and the role


@fault(Area.DATABASE, FAILURE, "The database can't be reached (the database app at 127.0.0.1:9): connection refused.")
async def database_away(case: Case) -> None:
    case.settings["database_url"] = "postgresql://app:hidden-password@127.0.0.1:9/app"


@fault(Area.DATABASE, FAILURE, "no-such-host.invalid:5432): the host name can't be resolved.")
async def unknown_host(case: Case) -> None:
    case.settings["database_url"] = "postgresql://app:hidden-password@no-such-host.invalid/app"


@fault(Area.DATABASE, FAILURE, 'database "missing" does not exist')
async def unknown_database(case: Case) -> None:
    case.settings["database_url"] = case.url.partition("@/")[0] + "@/missing?" + case.url.partition("?")[2]


@fault(Area.DATABASE, FAILURE, "password authentication failed")
async def wrong_database_password(case: Case) -> None:
    rest = case.url.partition("@")[2]
    case.settings["database_url"] = f"postgresql://app:hidden-password@{rest}"


@fault(Area.DATABASE, FAILURE, "is read-only")
async def read_only(case: Case) -> None:
    await case.set("default_transaction_read_only = on")


@fault(Area.DATABASE, FAILURE, "DATABASE_POOL_SIZE is 1000")
async def too_many_connections(case: Case) -> None:
    case.settings["database_pool_size"] = 1000


@fault(Area.DATABASE, WARNING, "synchronous_commit is off")
async def forgetful_commits(case: Case) -> None:
    await case.set("synchronous_commit = off")


@fault(Area.DATABASE, WARNING, "fsync or full_page_writes is off")
async def no_fsync(_case: Case) -> None:
    """Do nothing: the tests' server runs this way."""


@fault(Area.DATABASE, WARNING, "autovacuum is off")
async def no_autovacuum(_case: Case) -> None:
    """Do nothing: the tests' server runs this way."""


@fault(Area.DATABASE, WARNING, "logs statements with their parameters")
async def logged_parameters(case: Case) -> None:
    case.server["logs_parameters"] = True


@fault(Area.DATABASE, FAILURE, "The server is PostgreSQL 14")
async def old_server(case: Case) -> None:
    case.server["version"] = 140012


@fault(Area.DATABASE, FAILURE, "is a standby")
async def standby(case: Case) -> None:
    case.server["is_standby"] = True


@fault(Area.DATABASE, WARNING, "3 of 97 connections are free")
async def few_free_connections(case: Case) -> None:
    case.server |= {"connections": 97, "others": 94}


@fault(Area.DATABASE, WARNING, "not encrypted")
async def connection_in_clear(case: Case) -> None:
    case.server |= {"is_local": False, "is_encrypted": False}


@fault(Area.ROLE, WARNING, "is a superuser")
async def superuser(case: Case) -> None:
    case.server["is_superuser"] = True


@fault(Area.ROLE, WARNING, "owns the tables")
async def owner(_case: Case) -> None:
    """Do nothing: the tests' user is the owner."""


@fault(Area.ROLE, FAILURE, "Every role of the server can read the table hashes")
async def public_hashes(case: Case) -> None:
    await case.execute("GRANT SELECT (hash) ON hashes TO PUBLIC")


@fault(Area.ROLE, WARNING, "Other roles can read the table hashes", "password_import_reader")
async def another_reader(case: Case) -> None:
    await case.make_role("password_import_reader", "LOGIN")
    await case.execute("GRANT SELECT ON hashes TO password_import_reader")


@fault(Area.ROLE, FAILURE, f"{OPERATOR_ROLE} cannot read tried_formats")
async def forgotten_roles(case: Case) -> None:
    await case.shipped_roles()
    await case.execute(f"REVOKE ALL ON tried_formats FROM {OPERATOR_ROLE}")


@fault(Area.ROLE, FAILURE, f"{SERVICE_ROLE} cannot read rehearsal_people")
async def forgotten_service_role(case: Case) -> None:
    await case.shipped_roles()
    await case.execute(f"REVOKE ALL ON rehearsal_people FROM {SERVICE_ROLE}")


@fault(Area.HASHES, UNKNOWN, "The role of DATABASE_URL has no privilege for this")
async def role_without_rights(case: Case) -> None:
    await case.shipped_roles()
    await case.execute(f"REVOKE ALL ON hashes FROM {OPERATOR_ROLE}")
    case.settings["database_url"] = f"{case.url}&role={OPERATOR_ROLE}"


# Schema, clock, disk


@fault(Area.SCHEMA, FAILURE, "has no tables of this service")
async def no_schema(case: Case) -> None:
    await case.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")


@fault(Area.NAMES, UNKNOWN, "the schema is missing or older")
async def older_tables(case: Case) -> None:
    await case.execute("DROP TABLE deleted_logins")


@fault(Area.SCHEMA, FAILURE, "The schema is at revision 0011; this version needs")
async def older_schema(case: Case) -> None:
    await case.execute("UPDATE alembic_version SET version_num = '0011'")


@fault(Area.SCHEMA, WARNING, "No account is loaded")
async def empty_store(_case: Case) -> None:
    """Do nothing: the store is empty at first."""


@fault(Area.CLOCK, FAILURE, "s ahead of that of the database")
async def clock_ahead_of_the_database(case: Case) -> None:
    case.more["now"] = lambda: datetime.now(UTC) + timedelta(minutes=2)


@fault(Area.CLOCK, WARNING, "s behind that of the database")
async def clock_behind_the_database(case: Case) -> None:
    case.more["now"] = lambda: datetime.now(UTC) - timedelta(seconds=40)


@fault(Area.OKTA, FAILURE, "This machine's clock is 90 s behind that of Okta")
async def clock_behind_okta(case: Case) -> None:
    case.org.clock_ahead = 90.0


@fault(Area.DISK, FAILURE, "100.0 MiB are free")
async def full_disk(case: Case) -> None:
    case.settings |= {"database_url": None, "data_dir": case.folder}
    case.more["free_space"] = lambda _folder: 100 * 2**20


@fault(Area.DISK, WARNING, "600.0 MiB are free")
async def small_disk(case: Case) -> None:
    case.settings |= {"database_url": None, "data_dir": case.folder}
    case.more["free_space"] = lambda _folder: 600 * 2**20


# Keys, hashes, peppers


@fault(Area.KEYS, FAILURE, "The key k1 is not in HASH_KEYS")
async def no_key(case: Case) -> None:
    await case.add("kim@example.com")
    await case.encrypt(k1=KEY)


@fault(Area.KEYS, FAILURE, "The key k1 in HASH_KEYS does not decrypt the hashes")
async def wrong_key(case: Case) -> None:
    await no_key(case)
    case.settings["hash_keys"] = keys_json(k1=OTHER_KEY)


@fault(Area.KEYS, FAILURE, "The keys can't be read", "32 bytes in base64")
async def malformed_keys(case: Case) -> None:
    case.settings["hash_keys"] = '{"k1": "short"}'


@fault(Area.KEYS, FAILURE, "REQUIRE_ENCRYPTED_HASHES is set without HASH_KEYS")
async def encryption_without_keys(case: Case) -> None:
    case.settings["require_encrypted_hashes"] = True


@fault(Area.KEYS, UNKNOWN, "Whether the key k1 has a backup is unknown")
async def unseen_backup(case: Case) -> None:
    await no_key(case)
    case.settings["hash_keys"] = keys_json(k1=KEY)


@fault(Area.KEYS, FAILURE, "The backup lacks the key k1")
async def old_backup(case: Case) -> None:
    await unseen_backup(case)
    case.more["key_backup"] = case.file("backup.json", keys_json(k0=KEY))


@fault(Area.KEYS, FAILURE, "The backup has a different value for the key k1")
async def wrong_backup(case: Case) -> None:
    await unseen_backup(case)
    case.more["key_backup"] = case.file("backup.json", keys_json(k1=OTHER_KEY))


@fault(Area.KEYS, FAILURE, "The backup of the keys is unusable", "can't be read")
async def missing_backup(case: Case) -> None:
    await unseen_backup(case)
    case.more["key_backup"] = case.folder / "missing.json"


@fault(Area.KEYS, WARNING, "Every user of this machine can read the backup")
async def readable_backup(case: Case) -> None:
    await unseen_backup(case)
    case.more["key_backup"] = case.file("backup.json", keys_json(k1=KEY), 0o644)


@fault(Area.KEYS, WARNING, "HASH_KEYS_FILE is in DATA_DIR")
async def keys_beside_the_hashes(case: Case) -> None:
    case.settings |= {"database_url": None, "data_dir": case.folder}
    case.settings["hash_keys_file"] = case.file("keys.json", keys_json(k1=KEY))


@fault(Area.HASHES, WARNING, "Hashes that are not encrypted: 1. A copy")
async def plain_hashes(case: Case) -> None:
    await case.add("kim@example.com")


@fault(Area.HASHES, FAILURE, "Hashes that are not encrypted: 1. REQUIRE_ENCRYPTED_HASHES refuses them")
async def refused_hashes(case: Case) -> None:
    await case.add("kim@example.com")
    case.settings |= {"hash_keys": keys_json(k1=KEY), "require_encrypted_hashes": True}


@fault(Area.HASHES, WARNING, "would be accepted")
async def encryption_not_required(case: Case) -> None:
    await unseen_backup(case)


@fault(Area.HASHES, FAILURE, "Accounts with hashes too costly or impossible to check: 1.")
async def costly_accounts(case: Case) -> None:
    await case.add("kim@example.com")
    costly = json.dumps(DUMMY_HASH | {"hash": str(DUMMY_HASH["hash"]).replace("$04$", "$31$")})
    await case.execute("UPDATE recipes SET dummy_hash = $1", costly)


async def peppered(case: Case) -> None:
    await case.add("kim@example.com")
    await case.execute("""UPDATE recipes SET parameters = parameters || '{"pepper_env": "SHOP_PEPPER"}'""")


@fault(Area.PEPPERS, FAILURE, "The pepper SHOP_PEPPER is not set")
async def no_pepper(case: Case) -> None:
    await peppered(case)


@fault(Area.PEPPERS, FAILURE, "The pepper SHOP_PEPPER is set and empty")
async def empty_pepper(case: Case) -> None:
    await peppered(case)
    case.environment["SHOP_PEPPER"] = ""


@fault(Area.PEPPERS, WARNING, "The pepper SHOP_PEPPER begins or ends with white space")
async def pepper_with_a_line_end(case: Case) -> None:
    await peppered(case)
    case.environment["SHOP_PEPPER"] = "pepper\n"


# Cores


@fault(Area.CORES, UNKNOWN, "No hash is stored")
async def no_hashes(case: Case) -> None:
    case.recipes = []


@fault(Area.CORES, FAILURE, "500.0/s (--peak) need")
async def too_few_cores(case: Case) -> None:
    case.more["peak"] = 500.0


@fault(Area.CORES, WARNING, "estimated for the first morning")
async def too_few_cores_by_the_estimate(case: Case) -> None:
    case.recipes, case.speed = [RecipeReport("bcrypt", "bcrypt 12", 5_000_000, 250.0, okta=True)], 8.0


@fault(Area.CORES, FAILURE, "One check of argon2id takes 4 s here")
async def slow_hashes(case: Case) -> None:
    case.settings["request_timeout"] = 2.5
    case.recipes.append(RecipeReport("argon2id", "argon2id huge", 3, 4000.0, okta=False))


@fault(Area.CORES, FAILURE, "Hashes of the format scrypt that can't be checked: 3 (TooCostly")
async def impossible_hashes(case: Case) -> None:
    case.recipes.append(RecipeReport("scrypt", "scrypt", 3, None, None, "TooCostly: too much memory"))


# Attributes and names


@fault(Area.ATTRIBUTES, WARNING, "Accounts with attributes, stored in clear, that no source declares: 1.")
async def undeclared_attributes(case: Case) -> None:
    await case.add("kim@example.com")
    await case.execute("""UPDATE accounts SET profile = '{"shoe_size": 41}'""")


@fault(Area.ATTRIBUTES, WARNING, "look sensitive", "dateOfBirth")
async def sensitive_attributes(case: Case) -> None:
    await case.add("kim@example.com")
    await case.execute("UPDATE sources SET attributes = attributes || '{dateOfBirth}'")


@fault(Area.NAMES, WARNING, "Short names and identifiers that open no account, because several claim them: 1.")
async def ambiguous_names(case: Case) -> None:
    await case.add("kim@example.com", identifiers=("shared",))
    await case.add("jessie@example.com", identifiers=("shared",))


@fault(Area.NAMES, WARNING, "Logins that are ambiguous until their accounts are bound to Okta users: 1.")
async def ambiguous_logins(case: Case) -> None:
    await case.add("kim")
    await case.add("kim@example.com", okta_id="00u1")


@fault(Area.NAMES, WARNING, "Identifiers with @ that open no account, because no source opts in: 1.")
async def inert_aliases(case: Case) -> None:
    await case.add("kim@example.com", identifiers=("kim@old.example.com",))


@fault(Area.NAMES, WARNING, "Identifiers that open no account, because they are logins of others: 1.")
async def inert_logins(case: Case) -> None:
    await case.add("kim@example.com", identifiers=("jessie@example.com",), email_aliases=True)
    await case.add("jessie@example.com")


# TLS


@fault(Area.TLS, UNKNOWN, "TLS_CERT is unset")
async def tls_by_a_proxy(_case: Case) -> None:
    """Do nothing: the hooks show the proxy's certificate."""


@fault(Area.TLS, FAILURE, "TLS_CERT or TLS_KEY can't be used", "not PEM")
async def malformed_certificate(case: Case) -> None:
    case.certify("this is no certificate")


@fault(Area.TLS, FAILURE, "TLS_KEY is not the key of the certificate")
async def another_certificate_s_key(case: Case) -> None:
    case.certify(ROOT_CA.issue(HOST, LEAF_KEY), key=ec.generate_private_key(ec.SECP256R1()))


@fault(Area.TLS, FAILURE, "The certificate expired on")
async def expired_certificate(case: Case) -> None:
    case.certify(ROOT_CA.issue(HOST, LEAF_KEY, end=-1))


@fault(Area.TLS, WARNING, "The certificate expires on")
async def expiring_certificate(case: Case) -> None:
    case.certify(ROOT_CA.issue(HOST, LEAF_KEY, end=7))


@fault(Area.TLS, FAILURE, "The certificate is not valid before")
async def early_certificate(case: Case) -> None:
    case.certify(ROOT_CA.issue(HOST, LEAF_KEY, begin=2))


@fault(Area.TLS, FAILURE, f"The certificate is not for {HOST}")
async def certificate_of_another_host(case: Case) -> None:
    case.certify(ROOT_CA.issue("other.example.com", LEAF_KEY))


@fault(Area.TLS, FAILURE, "self-signed")
async def self_signed_certificate(case: Case) -> None:
    case.certify(Authority(HOST, LEAF_KEY).issue(HOST, LEAF_KEY))


@fault(Area.TLS, FAILURE, "without its chain")
async def certificate_without_its_chain(case: Case) -> None:
    case.certify(INTERMEDIATE.issue(HOST, LEAF_KEY))


@fault(Area.TLS, FAILURE, "are not a chain")
async def broken_chain(case: Case) -> None:
    case.certify(INTERMEDIATE.issue(HOST, LEAF_KEY), ROOT_CA.issue("An intermediate of that name", LEAF_KEY))


@fault(Area.TLS, WARNING, "an authority that this machine does not trust")
async def private_authority(case: Case) -> None:
    chain = INTERMEDIATE.issue(HOST, LEAF_KEY), PRIVATE_CA.issue(INTERMEDIATE.name, INTERMEDIATE.key)
    case.certify(*chain)


# Okta


@fault(Area.OKTA, FAILURE, "Okta rejects the credentials", "401")
async def wrong_token(case: Case) -> None:
    case.org.faults["users"] = Refused(401, "E0000011", ["Invalid token provided"])


@fault(Area.OKTA, FAILURE, "no access token; scope")
async def ungranted_scope(case: Case) -> None:
    case.org.faults["users"] = NoToken(400, "invalid_scope", ["no access token", "scope"])


@fault(Area.OKTA, FAILURE, "rejects the DPoP proofs: Okta answered 401: Require Demonstrating Proof of Possession")
async def proofs_refused(case: Case) -> None:
    case.org.faults["users"] = ProofRefused(401, None, ["Require Demonstrating Proof of Possession"])


@fault(Area.OKTA, FAILURE, "may not read the System Log, needed by reconcile")
async def role_without_the_log(case: Case) -> None:
    case.org.faults["log"] = Refused(403, "E0000006", ["You do not have permission"])


@fault(Area.OKTA, WARNING, "may not read the user schema")
async def role_without_the_schema(case: Case) -> None:
    case.org.faults["schema"] = Refused(403, "E0000006", ["You do not have permission"])


@fault(Area.OKTA, FAILURE, "Okta did not answer as expected")
async def okta_away(case: Case) -> None:
    case.org.faults["users"] = NoAnswer("no answer from example.okta.com (ClientConnectorError)")


@fault(Area.RATE_LIMITS, WARNING, "40 of 600 calls a minute are left for users")
async def spent_rate_limit(case: Case) -> None:
    case.org.limits = {"users": (600, 40), "logs": (120, 110)}


@fault(Area.RATE_LIMITS, UNKNOWN, "contained no rate limits")
async def no_rate_limit_headers(case: Case) -> None:
    case.org.limits = {}


@fault(Area.HOOKS, FAILURE, "Password import hook: missing")
async def no_hook(case: Case) -> None:
    case.board.hooks = {own: each for own, each in case.board.hooks.items() if each[0] is not HookKind.PASSWORD_IMPORT}


@fault(Area.HOOKS, FAILURE, "Password import hook: inactive")
async def inactive_hook(case: Case) -> None:
    case.board.put(PASSWORD, hook(PASSWORD, active=False))


@fault(Area.HOOKS, FAILURE, "Password import events: unverified")
async def unverified_event_hook(case: Case) -> None:
    case.board.put(EVENTS, hook(EVENTS, verified=False))


@fault(Area.HOOKS, FAILURE, "Password import hook: secret unknown")
async def another_secret(case: Case) -> None:
    case.service.refusing = frozenset({PASSWORD})


@fault(Area.HOOKS, UNKNOWN, "Password import hook: not seen from here")
async def unreachable_service(case: Case) -> None:
    case.service.down = frozenset({"https://service.example.com"})


@fault(Area.HOOKS, WARNING, "recent failures")
async def failed_calls(case: Case) -> None:
    failed = {"target": [{"id": f"id of the {PASSWORD.label}"}], "outcome": {"result": "FAILURE", "reason": "timeout"}}
    case.board.log = [failed]


# Reconciliation


async def log_read(case: Case, age: timedelta, users: timedelta | None = timedelta(0)) -> None:
    now = datetime.now(UTC)
    compared = None if users is None else now - users
    await case.execute("INSERT INTO log_cursors VALUES ($1, '', $2, NULL, $3)", case.org.host, now - age, compared)


@fault(Area.RECONCILE, WARNING, "was never read")
async def never_reconciled(_case: Case) -> None:
    """Do nothing: nobody has signed in yet."""


@fault(Area.RECONCILE, FAILURE, "was never read")
async def migrating_without_reconcile(case: Case) -> None:
    await case.add("kim@example.com")
    await case.execute("UPDATE accounts SET state = 'verified', verified_at = now()")


@fault(Area.RECONCILE, FAILURE, "was never read")
async def reconciled_with_another_org(case: Case) -> None:
    await migrating_without_reconcile(case)
    await log_read(case, timedelta(0))
    case.org.host = "other.okta.com"


@fault(Area.RECONCILE, WARNING, "was read 30 hours ago")
async def stale_reconcile(case: Case) -> None:
    await log_read(case, timedelta(hours=30))


@fault(Area.RECONCILE, FAILURE, "Okta keeps it for 90 days")
async def lost_log(case: Case) -> None:
    await log_read(case, timedelta(days=80))


@fault(Area.RECONCILE, WARNING, "The accounts were never compared with Okta's users")
async def users_never_compared(case: Case) -> None:
    await log_read(case, timedelta(0), None)


@fault(Area.RECONCILE, WARNING, "The accounts were not compared with Okta's users since")
async def users_compared_long_ago(case: Case) -> None:
    await log_read(case, timedelta(0), timedelta(days=3))


def test_at_least_thirty_faults_are_prepared_over_all_areas() -> None:
    assert len(FAULTS) >= 30
    assert {each.values[1] for each in FAULTS} == set(Area)


async def assert_named(case: Case, prepare: Prepare, area: Area, status: Status, texts: tuple[str, ...]) -> None:
    await prepare(case)
    found = await examined(case, area)
    named = [each for each in found if each.status is status and all(text in each.message for text in texts)]
    assert len(named) == 1, found
    assert named[0].fix
    assert "hidden-password" not in str(found)


@faults(of_the_store=True)
async def test_a_prepared_fault_of_the_store_is_named_with_its_fix(
    case: Case, prepare: Prepare, area: Area, status: Status, texts: tuple[str, ...]
) -> None:
    await assert_named(case, prepare, area, status, texts)


@faults(of_the_store=False)
async def test_a_prepared_fault_of_this_machine_or_of_okta_is_named_with_its_fix(
    bare: Case, prepare: Prepare, area: Area, status: Status, texts: tuple[str, ...]
) -> None:
    await assert_named(bare, prepare, area, status, texts)


async def test_a_healthy_installation_has_no_warning_of_its_own(case: Case) -> None:
    await case.shipped_roles()
    await case.add("kim@example.com")
    await case.encrypt(k1=KEY)
    await log_read(case, timedelta(minutes=1))
    case.settings |= {"hash_keys": keys_json(k1=KEY), "require_encrypted_hashes": True}
    case.settings["database_url"] = f"{case.url}&role={OPERATOR_ROLE}"
    case.more["key_backup"] = case.file("backup.json", keys_json(k1=KEY))
    case.certify(INTERMEDIATE.issue(HOST, LEAF_KEY), ROOT_CA.issue(INTERMEDIATE.name, INTERMEDIATE.key))
    found = await examined(case)
    of_the_tests_server = ("fsync", "autovacuum", "The free space of the database server")
    assert [each for each in found if each.status is not OK and not each.message.startswith(of_the_tests_server)] == []
    assert {each.area for each in found} == set(Area)


async def test_the_tables_that_the_service_s_role_must_read_are_those_of_the_script(case: Case) -> None:
    await case.shipped_roles()
    tables = await case.pool.fetch(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace "
        "AND has_any_column_privilege($1::text, oid, 'SELECT')",
        SERVICE_ROLE,
    )
    assert {row["relname"] for row in tables} == set(health.SERVICE_READS)


async def test_without_a_database_what_needs_none_is_examined_all_the_same(case: Case) -> None:
    await database_away(case)
    found = await examined(case)
    by_area = {each.area: each.status for each in found}
    away = {Area.SCHEMA, Area.ROLE, Area.DISK, Area.KEYS, Area.HASHES, Area.PEPPERS, Area.NAMES, Area.RECONCILE}
    assert by_area[Area.DATABASE] is FAILURE
    assert {by_area[area] for area in away} == {UNKNOWN}
    assert (by_area[Area.SETTINGS], by_area[Area.OKTA]) == (OK, OK)


async def test_a_fault_of_a_check_is_one_line_and_the_others_go_on(bare: Case) -> None:
    def broken() -> frozenset[bytes]:
        raise RuntimeError("hidden detail")

    bare.certify(INTERMEDIATE.issue(HOST, LEAF_KEY))
    bare.more["authorities"] = broken
    found = await examined(bare, Area.TLS, Area.OKTA)
    assert found[0].status is UNKNOWN
    assert found[0].message.startswith("This check failed with an internal error: RuntimeError at ")
    assert found[1].area is Area.OKTA
    assert "hidden" not in str(found)


def test_the_authorities_of_this_machine_are_given_by_their_names() -> None:
    known = ssl.create_default_context().get_ca_certs()
    assert bool(system_authorities()) is bool(known)
    assert len(system_authorities()) <= len(known)


# The command


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Remove the settings of the machine that runs the tests."""
    monkeypatch.chdir(tmp_path)
    for name in ("DATABASE_URL", "OKTA_CLIENT_ORGURL", "OKTA_CLIENT_TOKEN", "BASIC_AUTH_USER", "BASIC_AUTH_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_without_any_setting_it_says_what_is_missing_and_creates_nothing(
    environment: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert doctor(as_json=True) == 1
    told = json.loads(capsys.readouterr().out)
    statuses = {each["area"]: each["status"] for each in told["findings"]}
    assert (statuses["database"], statuses["okta"], statuses["settings"]) == ("failure", "unknown", "failure")
    assert sum(told["counts"].values()) == len(told["findings"])
    assert list(tmp_path.iterdir()) == []


def test_wrong_settings_are_failures(environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    environment.setenv("PORT", "hidden-value")
    assert doctor() == 1
    said = capsys.readouterr().out
    assert said.startswith("failure  settings")
    assert said.endswith("1 failure, 0 warnings, 0 unknown, 0 ok\n")
    assert "hidden-value" not in said


def test_a_peak_that_is_no_rate_is_wrong_usage() -> None:
    with pytest.raises(typer.BadParameter, match="40/s or 300/m") as raised:
        doctor(peak="fast")
    assert raised.value.param_hint == "--peak"


def test_wrong_okta_settings_are_failures(environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    environment.setenv("OKTA_CLIENT_ORGURL", "https://example-admin.okta.com")
    doctor()
    said = capsys.readouterr().out
    assert "failure  okta          OKTA_CLIENT_ORGURL: is the Admin Console's address" in said
    assert "failure  okta          OKTA_CLIENT_TOKEN: is not set" in said


async def test_the_command_examines_the_org_and_its_hooks(
    hooked: Org, service: Running, case: Case, environment: pytest.MonkeyPatch
) -> None:
    await case.add("kim@example.com")
    given = {"DATABASE_URL": case.url, "OKTA_CLIENT_ORGURL": hooked.url, "OKTA_CLIENT_TOKEN": hooked.api_token}
    for name, value in (given | {"BASIC_AUTH_USER": "admin", "BASIC_AUTH_PASSWORD": "supersecret"}).items():
        environment.setenv(name, value)
    await case.execute("INSERT INTO installation VALUES ('hooks_base_url', $1)", service.url.encode())
    found = [finding async for finding in findings()]
    statuses = {each.area: each.status for each in found if each.area in (Area.OKTA, Area.RATE_LIMITS, Area.HOOKS)}
    assert set(statuses.values()) == {OK}, found
    assert [each.message for each in found if each.area is Area.CORES and each.status is OK]
    assert hooked.api_token not in str(found)

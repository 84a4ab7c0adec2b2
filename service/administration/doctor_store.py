"""The checks of `doctor` that read the store: server, role, schema, keys, hashes, peppers, attributes, names, log."""

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import asyncpg

from service.administration import queries
from service.administration.doctor import (
    Area,
    Finding,
    Surroundings,
    as_bytes,
    check_key_backup,
    disk_finding,
    failure,
    is_folder,
    keys_beside_database,
    ok,
    sentence,
    unknown,
    warning,
)
from service.administration.status import too_costly_accounts
from service.okta.system_log import RETENTION
from service.settings import BadSettings
from service.store import attributes, health, recipes
from service.store.accounts import State
from service.store.encryption import NO_KEYS, HashKeys
from service.store.hash_keys import keys_in_use, keys_missing
from service.store.leases import RECONCILE, holder_of
from service.store.migrations import known_revisions, schema_revision
from service.store.name_report import REMEDIES, NameProblem, report_names
from service.stored_hashes import HashOpener, pepper_names

OLDEST_VERSION = 150000
"""PostgreSQL 15."""
MIGRATE = "run `password-import migrate`"


class NoDatabase(Exception):
    """No database can be examined; the command has already reported the reason."""


@asynccontextmanager
async def _connection(around: Surroundings) -> AsyncIterator[asyncpg.Connection]:
    if around.database is None:
        raise NoDatabase
    async with around.database.connection() as connection:
        yield connection


# The server and the role.


async def check_database(around: Surroundings) -> AsyncIterator[Finding]:
    """Check the server: version, writable, connections, durability, its log, TLS."""
    if around.no_database is not None:
        yield around.no_database
        return
    async with _connection(around) as connection:
        server = await health.describe_server(connection)
    faults = [*_server_faults(server), *_connection_faults(around, server)]
    for fault in faults:
        yield fault
    if not faults:
        yield ok(Area.DATABASE, f"PostgreSQL {server.version // 10000} answers and accepts writes.")


def _server_faults(server: health.Server) -> Iterator[Finding]:
    area, major = Area.DATABASE, server.version // 10000
    if server.version < OLDEST_VERSION:
        yield failure(area, f"The server is PostgreSQL {major}; this version needs 15 to 18.", "upgrade the server")
    if server.is_standby or server.is_read_only:
        what = "is a standby" if server.is_standby else "is read-only"
        yield failure(area, f"The server {what}: no VERIFIED and no SUCCESS can be recorded.", FAILOVER)
    if not server.is_crash_safe:
        yield warning(
            area,
            "fsync or full_page_writes is off: a power failure can destroy the database.",
            "set both to on, unless the storage guarantees what they do",
        )
    if not server.waits_for_disk:
        yield warning(
            area,
            "synchronous_commit is off: a crash loses the last events although Okta was told that they are recorded.",
            "set it to on; after a crash run `password-import reconcile --since 1d`",
        )
    if not server.has_autovacuum:
        yield warning(
            area, "autovacuum is off: the bytes of forgotten hashes remain in the table.", "set autovacuum to on"
        )
    if server.logs_parameters:
        yield warning(
            area,
            "The server logs statements with their parameters, which include hashes.",
            "set log_parameter_max_length = 0, and protect the existing logs like the hashes",
        )


FAILOVER = "connect to the primary: name all hosts and target_session_attrs=read-write in DATABASE_URL"


def _connection_faults(around: Surroundings, server: health.Server) -> Iterator[Finding]:
    area, wanted = Area.DATABASE, around.settings.database_pool_size
    free = server.connections - server.others
    if wanted > server.connections:
        said = f"DATABASE_POOL_SIZE is {wanted}, and the server allows {server.connections} connections."
        yield failure(area, said, "lower DATABASE_POOL_SIZE or raise max_connections; replicas add up")
    elif free < wanted and not around.settings.database_pooler:
        said = f"{free} of {server.connections} connections are free; another replica takes up to {wanted}."
        yield warning(area, said, "raise max_connections, lower DATABASE_POOL_SIZE, or use a pooler")
    if not server.is_local and not server.is_encrypted:
        yield warning(
            area,
            "The connection to the server is not encrypted.",
            "add sslmode=verify-full and sslrootcert to DATABASE_URL (docs/database-roles.md)",
        )


async def check_role(around: Surroundings) -> AsyncIterator[Finding]:
    """Check the privileges of this role and of the shipped roles, and who else can read hashes."""
    async with _connection(around) as connection:
        role = await health.describe_role(connection)
        lacking = await health.lacking_rights(connection)
        is_public = await health.is_public(connection)
        readers = [] if is_public else await health.readers_of_hashes(connection)
    faults = [*_role_faults(around, role)]
    for shipped in sorted({each for each, _ in lacking}):
        tables = ", ".join(table for each, table in lacking if each == shipped)
        faults.append(failure(Area.ROLE, f"{shipped} cannot read {tables}.", ROLES_AGAIN))
    if is_public:
        faults.append(failure(Area.ROLE, "Every role of the server can read the table hashes.", ROLES_AGAIN))
    if readers:
        said = f"Other roles can read the table hashes: {', '.join(readers)}."
        faults.append(warning(Area.ROLE, said, "REVOKE that privilege unless it is intended, and encrypt the hashes"))
    for fault in faults:
        yield fault
    if around.settings.database_url is None:
        yield ok(Area.ROLE, "The embedded server has one role. For separate roles use a server of your own.")
    elif not faults:
        yield ok(Area.ROLE, f"The role {role.name} neither owns the tables nor is a superuser.")


ROLES_AGAIN = "run deploy/roles.sql again, as the owner of the tables (docs/database-roles.md)"


def _role_faults(around: Surroundings, role: health.Role) -> Iterator[Finding]:
    if around.settings.database_url is None:  # the embedded server has only this role
        return
    if role.is_superuser or role.is_owner:
        what = "is a superuser" if role.is_superuser else "owns the tables"
        yield warning(
            Area.ROLE,
            f"The role {role.name} of DATABASE_URL {what}: an intruder in the service could plant hashes.",
            "use the roles of deploy/roles.sql, and the owner in MIGRATION_DATABASE_URL only (docs/database-roles.md)",
        )


async def check_schema(around: Surroundings) -> AsyncIterator[Finding]:
    """Check the revision of the schema, and that accounts have been loaded."""
    known = known_revisions()
    async with _connection(around) as connection:
        revision = await schema_revision(connection)
        loaded = revision is not None and await recipes.has_accounts(connection)
    if revision is None:
        yield failure(Area.SCHEMA, "The database has no tables of this service.", MIGRATE)
        return
    if revision != known[0] and revision in known:
        yield failure(Area.SCHEMA, f"The schema is at revision {revision}; this version needs {known[0]}.", MIGRATE)
    elif revision != known[0]:
        yield ok(Area.SCHEMA, f"The schema is at revision {revision}, newer than this version, which is allowed.")
    else:
        yield ok(Area.SCHEMA, f"The schema is at revision {revision}, as this version requires.")
    if not loaded:
        yield warning(Area.SCHEMA, "No account is loaded, so the service is not ready.", "run `password-import load …`")


# Clocks and disk of the server.

APART, FAR_APART = timedelta(seconds=5), timedelta(seconds=60)
"""Seconds. Tokens and proofs are rejected from half a minute on, and events are ordered by both clocks."""


async def check_database_clock(around: Surroundings) -> AsyncIterator[Finding]:
    """Compare this machine's clock with the database's."""
    before = around.now()
    async with _connection(around) as connection:
        clock = (await health.describe_server(connection)).clock
    after, none = around.now(), timedelta(0)
    # The server's time lies between the two local times: only what is outside of them is a difference.
    yield clock_finding("the database", max(clock - after, none) + min(clock - before, none))


def clock_finding(whose: str, ahead: timedelta) -> Finding:
    """Return a finding on how far another clock is ahead of this machine's."""
    seconds = abs(ahead.total_seconds())
    way = "behind" if ahead > timedelta(0) else "ahead of"
    said = f"This machine's clock is {seconds:,.0f} s {way} that of {whose}."
    fix = "set both clocks by NTP: tokens and the order of events depend on them"
    if abs(ahead) > FAR_APART:
        return failure(Area.CLOCK, said, fix)
    if abs(ahead) > APART:
        return warning(Area.CLOCK, said, fix)
    return ok(Area.CLOCK, f"This machine's clock agrees with that of {whose}.")


async def check_disk(around: Surroundings) -> AsyncIterator[Finding]:
    """Check the free space of the database's disk, if the server runs on this machine."""
    async with _connection(around) as connection:
        server = await health.describe_server(connection)
        folder = await health.data_directory(connection) if server.is_local else None
    if around.settings.database_url is None:
        yield disk_finding(around, around.settings.data_dir, server.size)
    elif folder is not None and is_folder(folder):
        yield disk_finding(around, Path(folder), server.size)
    else:
        size = as_bytes(server.size)
        said = f"The free space of the database server cannot be determined from here; the database has {size}."
        yield unknown(Area.DISK, said, "let the server's own monitoring warn about a full disk")


# Keys and hashes.


async def check_keys(around: Surroundings) -> AsyncIterator[Finding]:
    """Check that every key in use by stored hashes is configured, and that a backup of it exists."""
    try:
        held = around.settings.all_hash_keys()
    except BadSettings as bad:
        yield failure(
            Area.KEYS, f"The keys can't be read: {bad}.", "correct HASH_KEYS or its file (docs/encryption.md)"
        )
        return
    if around.settings.require_encrypted_hashes and not held:
        yield failure(
            Area.KEYS, "REQUIRE_ENCRYPTED_HASHES is set without HASH_KEYS: serve does not start.", "set HASH_KEYS"
        )
    for fault in keys_beside_database(around):
        yield fault
    keys = HashKeys(held, require_encrypted=around.settings.require_encrypted_hashes)
    async with _connection(around) as connection:
        needed = await keys_in_use(connection)
        missing = await keys_missing(connection, keys)
    for each in missing:
        yield failure(Area.KEYS, sentence(each), "give that key to every process that reads hashes")
    if not needed:
        yield ok(Area.KEYS, "No stored hash is under a key.")
        return
    if not missing:
        idle = sorted(held.keys() - {*needed, keys.active})
        spare = f" No hash is under {', '.join(idle)} any more." if idle else ""
        yield ok(Area.KEYS, f"The configured keys decrypt the stored hashes: {', '.join(needed)}.{spare}")
    for finding in check_key_backup(around, needed, held):
        yield finding


async def check_hashes(around: Surroundings) -> AsyncIterator[Finding]:
    """Check that stored hashes are encrypted and within the cost limits."""
    async with _connection(around) as connection:
        by_key = await queries.hashes_by_key(connection)
        costly, _ = await too_costly_accounts(connection)
    required, plain = around.settings.require_encrypted_hashes, by_key.get(None, 0)
    if plain and required:
        yield failure(
            Area.HASHES,
            f"Hashes that are not encrypted: {plain:,}. REQUIRE_ENCRYPTED_HASHES refuses them: these people get 503.",
            "if the hashes are yours, run `password-import keys rotate` once without it (docs/encryption.md)",
        )
    elif plain:
        yield warning(
            Area.HASHES,
            f"Hashes that are not encrypted: {plain:,}. A copy of the database is enough to guess passwords.",
            "set HASH_KEYS and run `password-import keys rotate`",
        )
    elif by_key and not required:
        yield warning(
            Area.HASHES,
            "All hashes are encrypted, but an unencrypted one written into the table would be accepted.",
            "set REQUIRE_ENCRYPTED_HASHES=true",
        )
    else:
        stored = sum(by_key.values())
        yield ok(Area.HASHES, f"All {stored:,} stored hashes are encrypted." if stored else "No hash is stored.")
    if costly:
        yield failure(
            Area.HASHES,
            f"Accounts with hashes too costly or impossible to check: {costly:,}. Their sign-ins get 503.",
            "reset these passwords in Okta; `password-import status` names the first",
        )


async def check_peppers(around: Surroundings) -> AsyncIterator[Finding]:
    """Check that every pepper that stored hashes need is set, and appears complete."""
    async with _connection(around) as connection:
        known = await recipes.list_recipes(connection)
        lacking = HashOpener(around.environment, _keys(around)).without_pepper(known)
        used = await recipes.recipes_in_use(connection, [each for each, _ in lacking])
    needed = sorted({name for each in known for name in pepper_names(each.parameters.get("pepper_env"))})
    missing = {name for recipe_id, name in lacking if recipe_id in used}
    faults = [fault for name in needed if (fault := _pepper_fault(around, name, is_missing=name in missing))]
    for fault in faults:
        yield fault
    if not faults:
        named = f"The peppers are set: {', '.join(needed)}." if needed else "No stored hash needs a pepper."
        yield ok(Area.PEPPERS, named)


def _pepper_fault(around: Surroundings, name: str, *, is_missing: bool) -> Finding | None:
    value = around.environment.get(name)
    if is_missing:
        fix = f"set {name} in the environment of every replica, as the legacy system had it"
        return failure(Area.PEPPERS, f"The pepper {name} is not set, and stored hashes need it.", fix)
    if value == "":
        fix = "set its value; otherwise sign-ins with these hashes are answered UNVERIFIED"
        return failure(Area.PEPPERS, f"The pepper {name} is set and empty.", fix)
    if value is not None and value != value.strip():
        fix = "remove it, unless the legacy system hashed it too; then check with `password-import try LOGIN`"
        return warning(Area.PEPPERS, f"The pepper {name} begins or ends with white space.", fix)
    return None


def _keys(around: Surroundings) -> HashKeys:
    try:
        return HashKeys(around.settings.all_hash_keys())
    except BadSettings:  # reported by the check of keys
        return NO_KEYS


# What is stored unencrypted, and names that open no account.

SENSITIVE = re.compile(
    r"passw|secret|pin$|ssn|social|passport|nationalid|national_id|taxid|tax_id|birth|dob$|iban|card|salary|religio|"
    r"health|token",
    re.IGNORECASE,
)


async def check_attributes(around: Surroundings) -> AsyncIterator[Finding]:
    """Check the profile attributes, which are stored unencrypted."""
    area = Area.ATTRIBUTES
    async with _connection(around) as connection:
        undeclared = await attributes.count_undeclared(connection)
        declared = await attributes.all_declared(connection)
    if undeclared:
        said = f"Accounts with attributes, stored in clear, that no source declares: {undeclared:,}."
        yield warning(area, said, "run `password-import accounts purge-attributes`")
    if sensitive := sorted(name for name in declared if SENSITIVE.search(name)):
        said = f"Declared attributes that look sensitive are stored in clear: {', '.join(sensitive)}."
        fix = "remove them from the source's `attributes`, load again, run `password-import accounts purge-attributes`"
        yield warning(area, said, fix)
    if not undeclared and not sensitive:
        more = sorted(declared.difference(attributes.BASE_PROFILE))
        said = f", and {', '.join(more)}" if more else ""
        yield ok(area, f"Only Okta's base profile{said} is stored in clear.")


NAMES = {
    NameProblem.AMBIGUOUS_UNTIL_BOUND: "Logins that are ambiguous until their accounts are bound to Okta users",
    NameProblem.AMBIGUOUS: "Short names and identifiers that open no account, because several claim them",
    NameProblem.INERT_WITHOUT_OPT_IN: "Identifiers with @ that open no account, because no source opts in",
    NameProblem.INERT_LOGIN_OF_ANOTHER: "Identifiers that open no account, because they are logins of others",
}


async def check_names(around: Surroundings) -> AsyncIterator[Finding]:
    """Count the names that open no account."""
    async with _connection(around) as connection:
        report = await report_names(connection)
    for problem, count in report.items():
        if count.number:
            fix = f"{REMEDIES[problem]}; `password-import status --all-names` lists them"
            yield warning(Area.NAMES, f"{NAMES[problem]}: {count.number:,}.", fix)
    if not any(count.number for count in report.values()):
        yield ok(Area.NAMES, "Every name of an account with a hash opens that account.")


# Reconciliation.

STALE = timedelta(hours=26)
"""One run a day and some time to start; the alert PasswordImportReconcileStale uses the same duration."""
USERS_STALE = timedelta(days=2)
WARN_BEFORE = timedelta(days=14)


async def check_reconcile(around: Surroundings) -> AsyncIterator[Finding]:
    """Check when Okta's System Log was read last, and when the users were compared."""
    async with _connection(around) as connection:
        logs = await queries.logs_read(connection)
        states = await queries.accounts_by_state(connection)
        follower = await holder_of(connection, RECONCILE)
    own = [log for log in logs if around.org is None or log[0] == around.org.host]
    if not own:
        begun = any(states.get(state) for state in (State.VERIFIED, State.MIGRATED))
        said = "Okta's System Log was never read: a SUCCESS that the event hook lost stays lost."
        fix = FOLLOW if around.org is not None else f"set the org and its credentials, then {FOLLOW}"
        yield (failure if begun else warning)(Area.RECONCILE, said, fix)
        return
    _, read, compared = max(own, key=lambda log: log[1])
    yield _log_finding(around.now() - read, follower)
    if compared is None or around.now() - compared > USERS_STALE:
        when = (
            f"not compared with Okta's users since {compared:%Y-%m-%d}"
            if compared
            else "never compared with Okta's users"
        )
        said = f"The accounts were {when}: hashes of deleted users remain."
        yield warning(Area.RECONCILE, said, "run `password-import reconcile` without --no-users")


FOLLOW = "keep `password-import reconcile --follow` running, or run `password-import reconcile` every day"


def _log_finding(age: timedelta, follower: str | None) -> Finding:
    hours = age.total_seconds() / 3600
    said = f"Okta's System Log was read {hours:,.0f} hours ago" if hours >= 1 else "Okta's System Log was read just now"
    if age > RETENTION - WARN_BEFORE:
        return failure(Area.RECONCILE, f"{said}; Okta keeps it for {RETENTION.days} days.", f"{FOLLOW}, now")
    if age > STALE:
        return warning(Area.RECONCILE, f"{said}.", FOLLOW)
    return ok(Area.RECONCILE, f"{said}{f', by {follower}' if follower else ''}.")

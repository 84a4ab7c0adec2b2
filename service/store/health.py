"""Facts about the server, its roles and their privileges, for the checks of `doctor`. Read-only."""

from datetime import datetime

import asyncpg

from service.immutable import immutable

SERVICE_ROLE, OPERATOR_ROLE = "password_import_service", "password_import_operator"
"""The roles of deploy/roles.sql."""

# pg_stat_activity shows all rows to every role; only the query text is restricted to superusers.
SERVER = """
SELECT current_setting('server_version_num')::int AS version,
       pg_is_in_recovery() AS is_standby,
       current_setting('transaction_read_only')::bool AS is_read_only,
       current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int AS connections,
       (SELECT count(*) FROM pg_stat_activity
        WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()) AS others,
       current_setting('fsync')::bool AND current_setting('full_page_writes')::bool AS is_crash_safe,
       current_setting('synchronous_commit') <> 'off' AS waits_for_disk,
       current_setting('autovacuum')::bool AS has_autovacuum,
       current_setting('log_parameter_max_length') <> '0'
           AND (current_setting('log_statement') <> 'none'
                OR current_setting('log_min_duration_statement') <> '-1'
                OR current_setting('log_duration')::bool) AS logs_parameters,
       coalesce(host(inet_server_addr()) IN ('127.0.0.1', '::1'), true) AS is_local,
       coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false) AS is_encrypted,
       pg_database_size(current_database()) AS size,
       clock_timestamp() AS clock
"""

ROLE = """
SELECT own.rolname AS name, own.rolsuper AS is_superuser, tables.tableowner IS NOT NULL AS is_owner
FROM pg_roles AS own
LEFT JOIN pg_tables AS tables ON tables.schemaname = current_schema() AND tables.tablename = 'accounts'
     AND NOT own.rolsuper
     AND pg_has_role(own.oid, (SELECT oid FROM pg_roles WHERE rolname = tables.tableowner), 'USAGE')
WHERE own.rolname = current_user
"""

# Privileges of the two shipped roles, if they have any in this database.
LACKING = """
SELECT role.rolname AS role, relation.relname AS relation
FROM pg_roles AS role CROSS JOIN pg_class AS relation
WHERE role.rolname = ANY($1::text[])
  AND relation.relkind = 'r' AND relation.relnamespace = current_schema()::regnamespace
  AND (role.rolname = $2 OR relation.relname = ANY($3::text[]))
  AND has_table_privilege(role.oid, 'accounts'::regclass, 'SELECT')
  AND NOT has_any_column_privilege(role.oid, relation.oid, 'SELECT')
ORDER BY 1, 2
"""

SERVICE_READS = (
    "account_counts", "accounts", "alembic_version", "deleted_logins", "failures", "hashes", "identifiers",
    "import_events", "installation", "leases", "log_cursors", "okta_call_counts", "okta_calls", "provisionings",
    "recipes", "rehearsal_people", "replica_minutes", "replicas", "sources", "unreadable_events",
)  # fmt: skip
"""Tables of which `serve` reads at least one column."""

IS_PUBLIC = "SELECT has_any_column_privilege('public', 'hashes', 'SELECT')"

READERS = """
SELECT reader.rolname FROM pg_roles AS reader
WHERE reader.rolcanlogin AND NOT reader.rolsuper AND reader.rolname <> current_user
  AND has_any_column_privilege(reader.oid, 'hashes'::regclass, 'SELECT')
  AND NOT EXISTS (
      SELECT FROM pg_roles AS known
      WHERE (known.rolname = ANY($1::text[])
             OR known.oid = (SELECT relowner FROM pg_class WHERE oid = 'hashes'::regclass))
        AND pg_has_role(reader.oid, known.oid, 'MEMBER'))
ORDER BY 1
"""

DATA_DIRECTORY = "SELECT current_setting('data_directory')"


@immutable
class Server:
    """The server and this connection to it."""

    version: int
    """In PostgreSQL's numbering: 180001 is 18.1."""
    is_standby: bool
    is_read_only: bool
    connections: int
    """Connections available to roles without special privileges."""
    others: int
    """Open connections of other clients."""
    is_crash_safe: bool
    waits_for_disk: bool
    has_autovacuum: bool
    logs_parameters: bool
    is_local: bool
    """Whether it is a socket or loopback."""
    is_encrypted: bool
    size: int
    """Bytes of the database."""
    clock: datetime


@immutable
class Role:
    """The role of this connection."""

    name: str
    is_superuser: bool
    is_owner: bool
    """Whether it owns the tables and is not a superuser."""


async def describe_server(connection: asyncpg.Connection) -> Server:
    """Return facts about the server."""
    row = await connection.fetchrow(SERVER)
    assert row is not None  # noqa: S101 (a query without FROM returns one row)
    return Server(**row)


async def describe_role(connection: asyncpg.Connection) -> Role:
    """Return facts about the role of this connection."""
    row = await connection.fetchrow(ROLE)
    assert row is not None  # noqa: S101 (it is connected as that role)
    return Role(**row)


async def lacking_rights(connection: asyncpg.Connection) -> list[tuple[str, str]]:
    """Return the tables that a role of deploy/roles.sql has no privilege to read, each as role and table."""
    roles = [SERVICE_ROLE, OPERATOR_ROLE]
    return [tuple(row) for row in await connection.fetch(LACKING, roles, OPERATOR_ROLE, SERVICE_READS)]


async def is_public(connection: asyncpg.Connection) -> bool:
    """Return whether every role may read the table `hashes`."""
    found: bool = await connection.fetchval(IS_PUBLIC)
    return found


async def readers_of_hashes(connection: asyncpg.Connection) -> list[str]:
    """Return the roles that may log in and read hashes, besides the owner, the shipped roles and superusers."""
    return [row["rolname"] for row in await connection.fetch(READERS, [SERVICE_ROLE, OPERATOR_ROLE])]


async def data_directory(connection: asyncpg.Connection) -> str | None:
    """Return the server's data folder; None if this role may not see it."""
    try:
        folder: str = await connection.fetchval(DATA_DIRECTORY)
    except asyncpg.InsufficientPrivilegeError:
        return None
    return folder

"""The tables, as SQLAlchemy Core metadata. Only Alembic and the tests import this.

The constraints enforce what no error in the code may violate: a tombstone cannot have a hash, and stays a tombstone.
"""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    DateTime,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from service.store.attributes import BASE_PROFILE

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(column_0_name)s_fkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "ck": "%(table_name)s_%(constraint_name)s_check",
    }
)


def _now(name: str) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=False, server_default=func.now())


installation = Table(
    "installation",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", LargeBinary, nullable=False),
    comment="what this installation made or chose once; the row binding_gate is there to be locked",
)

sources = Table(
    "sources",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    # As of the last load. Only these attributes, and Okta's base profile, are shown or sent for the source's accounts.
    Column("attributes", ARRAY(Text), nullable=False, server_default="{" + ",".join(BASE_PROFILE) + "}"),
)

recipes = Table(
    "recipes",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("format", Text, nullable=False),
    Column("parameters", JSONB, nullable=False),
    Column("cost", Text, nullable=False),
    Column("dummy_hash", JSONB, nullable=False),
    # Never decreased, so that the choice of dummy hashes stays the same while people migrate.
    Column("hashes_loaded", BigInteger, nullable=False, server_default="0"),
    UniqueConstraint("format", "parameters", "cost"),
    comment="how stored hashes are checked, and a dummy hash of the same cost",
)

accounts = Table(
    "accounts",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("login", Text, nullable=False),
    Column("login_key", Text, nullable=False, unique=True),
    Column("local_part", Text, Computed("split_part(login_key, '@', 1)", persisted=True), nullable=False),
    Column("okta_id", Text, unique=True),
    Column("state", Text, nullable=False),
    Column("armed", Boolean, Computed("state IN ('waiting', 'verified')", persisted=True), nullable=False),
    Column("profile", JSONB, nullable=False, server_default="{}"),
    Column("groups", ARRAY(Text), nullable=False, server_default="{}"),
    _now("loaded_at"),
    Column("verified_at", DateTime(timezone=True)),
    Column("forgotten_at", DateTime(timezone=True)),
    Column("proof", Text),
    # The key of the email if it differs from the login; kept when the profile is deleted.
    Column("email_key", Text),
    Column("disabled_reason", Text),
    # The login of this account's user in Okta, as last read. Not unique: two accounts may share one for a while.
    Column("okta_login", Text),
    Column("okta_login_key", Text),
    Column("okta_updated_at", DateTime(timezone=True)),
    Column("superseded", Boolean, nullable=False, server_default="false"),
    UniqueConstraint("id", "armed"),
    CheckConstraint(
        "state IN ('unarmed', 'waiting', 'verified', 'migrated', 'retired')",
        name="state_known",
    ),
    CheckConstraint(
        "(state IN ('migrated', 'retired')) = (forgotten_at IS NOT NULL AND proof IS NOT NULL)",
        name="tombstone_has_proof",
    ),
    CheckConstraint("state <> 'verified' OR verified_at IS NOT NULL", name="verified_has_time"),
    CheckConstraint(
        "(okta_login IS NULL) = (okta_login_key IS NULL) AND"
        " (okta_id IS NOT NULL OR okta_login IS NULL AND okta_updated_at IS NULL AND NOT superseded)",
        name="okta_login_is_bound",
    ),
    # Bound accounts come first, because one of them makes the short login of an unbound account ambiguous.
    Index("accounts_local_part_idx", "local_part", "okta_id", postgresql_where="okta_login_key IS NULL"),
    Index("accounts_okta_login_key_idx", "okta_login_key", "superseded", postgresql_where="okta_login_key IS NOT NULL"),
    Index(
        "accounts_okta_local_part_idx",
        text("split_part(okta_login_key, '@', 1)"),
        postgresql_where="okta_login_key IS NOT NULL",
    ),
    Index("accounts_email_key_idx", "email_key", postgresql_where="email_key IS NOT NULL"),
)

identifiers = Table(
    "identifiers",
    metadata,
    Column("account_id", BigInteger, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("identifier_key", Text, primary_key=True),
    # As of the last load of each source; empty in rows from before revision 0009.
    Column("source_ids", ARRAY(Integer), nullable=False, server_default="{}"),
    Column("opted_in_source_ids", ARRAY(Integer), nullable=False, server_default="{}"),
    Index("identifiers_identifier_key_idx", "identifier_key"),
)

hashes = Table(
    "hashes",
    metadata,
    Column("account_id", BigInteger, primary_key=True, autoincrement=False),
    # No foreign keys to these two: a trigger protects their rows, and a check per hash would double a load's time.
    Column("source_id", Integer, primary_key=True, autoincrement=False),
    Column("recipe_id", Integer, nullable=False),
    Column("armed", Boolean, nullable=False, server_default="true"),
    Column("hash", LargeBinary, nullable=False),
    Column("salt", Text),
    Column("username", Text),
    Column("key_id", Text),
    CheckConstraint("armed", name="armed"),
    # A tombstone is not armed, so no hash can reference one; PostgreSQL's row locks enforce this under races too.
    ForeignKeyConstraint(["account_id", "armed"], ["accounts.id", "accounts.armed"], name="hashes_armed_account_fkey"),
    Index("hashes_key_id_idx", "key_id", postgresql_where="key_id IS NOT NULL"),
    # A deleted hash should leave its page soon: vacuum after 1 % of the rows or 50, not after 20 %.
    postgresql_with={"autovacuum_vacuum_scale_factor": "0.01", "autovacuum_vacuum_threshold": "50"},
    comment="a table of their own, so that forgetting is deleting",
)

hash_keys = Table(
    "hash_keys",
    metadata,
    Column("key_id", Text, primary_key=True),
    # Missing for keys that were in use before revision 0018.
    Column("first_used_at", DateTime(timezone=True), server_default=func.now()),
    Column("destroyed_at", DateTime(timezone=True)),
    comment="keys that hashes were ever encrypted under, by id; when an operator declared one destroyed",
)

import_events = Table(
    "import_events",
    metadata,
    Column("uuid", Text, primary_key=True),
    Column("delivery_id", Text),
    Column("okta_user_id", Text),
    Column("login_key", Text),
    Column("outcome", Text, nullable=False),
    Column("reason", Text),
    Column("published", DateTime(timezone=True)),
    Column("transaction_id", Text),
    Column("channel", Text, nullable=False),
    _now("received_at"),
    # No foreign key: the record of an event outlives a deleted account.
    Column("account_id", BigInteger),
    Column("effect", Text, nullable=False),
    CheckConstraint("channel IN ('hook', 'log')", name="channel_known"),
    CheckConstraint(
        "effect IN ('migrated', 'kept', 'already', 'unmatched', 'mismatch', 'unexplained')",
        name="effect_known",
    ),
    Index("import_events_received_at_idx", "received_at"),
    Index("import_events_account_id_idx", "account_id"),
    Index("import_events_unmatched_user_idx", "okta_user_id", postgresql_where="effect = 'unmatched'"),
    Index("import_events_unmatched_login_idx", "login_key", postgresql_where="effect = 'unmatched'"),
)

unreadable_events = Table(
    "unreadable_events",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("channel", Text, nullable=False),
    Column("delivery_id", Text),
    Column("fault", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    _now("received_at"),
    comment="what an authenticated caller sent that could not be read, as bytes, for inspection",
)

failures = Table(
    "failures",
    metadata,
    Column("subject", LargeBinary, primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("since", DateTime(timezone=True), nullable=False),
    Column("events", ARRAY(LargeBinary), nullable=False, server_default="{}"),
    CheckConstraint("failures >= 0", name="not_negative"),
    CheckConstraint("octet_length(subject) = 16 AND cardinality(events) <= 8", name="bounded"),
    prefixes=["UNLOGGED"],
    postgresql_with={"fillfactor": "70"},
    comment="failed sign-ins of a login, and of a login from an address, by keyed digest",
)

deleted_logins = Table(
    "deleted_logins",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    _now("deleted_at"),
    # Missing for accounts that were deleted before revision 0009.
    Column("okta_login_digest", LargeBinary),
    Column("local_part_digest", LargeBinary),
    Column("bound", Boolean, nullable=False, server_default="false"),
    Index(
        "deleted_logins_okta_login_digest_idx",
        "okta_login_digest",
        postgresql_where="okta_login_digest IS NOT NULL",
    ),
    Index(
        "deleted_logins_local_part_digest_idx",
        "local_part_digest",
        "bound",
        postgresql_where="local_part_digest IS NOT NULL",
    ),
    comment="HMAC-SHA256 of the names of each deleted account",
)

audit = Table(
    "audit",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    _now("at"),
    Column("action", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("code", Text),
    # No foreign key: the trail outlives a deleted account.
    Column("account_id", BigInteger),
    Column("last_account_id", BigInteger),
    Column("event_id", Text),
    Column("request_id", Text),
    CheckConstraint(
        "action IN ('verified', 'refused', 'throttled', 'screened', 'forgotten', 'retired', 'loaded', 'deleted',"
        " 'skipped', 'tried', 'searched')",
        name="action_known",
    ),
    Index("audit_at_idx", "at", postgresql_using="brin"),
    Index("audit_account_id_idx", "account_id"),
    Index("audit_code_idx", "code", postgresql_where="code IS NOT NULL"),
    comment="what was done, to whom, when and why; never a secret; only added to",
)

tried_formats = Table(
    "tried_formats",
    metadata,
    Column("format", Text, primary_key=True),
    _now("verified_at"),
    comment="formats and formulas under which a known password was VERIFIED by try",
)

rehearsal_people = Table(
    "rehearsal_people",
    metadata,
    Column("login_key", Text, primary_key=True),
    # SHA-256 is sufficient: the passwords are random, with too many bits for a search.
    Column("password_digest", LargeBinary, nullable=False),
    Column("recipe_id", Integer, ForeignKey("recipes.id"), nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("sign_ins", Integer, nullable=False, server_default="0"),
    # RFC 2606 reserves .invalid, so no real address can end in it.
    CheckConstraint("login_key LIKE '%.rehearsal.invalid'", name="invalid_domain"),
    CheckConstraint("octet_length(password_digest) = 32", name="digest_size"),
    comment="invented people of a load test; none is an account, each has an end",
)

leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("token", BigInteger, nullable=False),
    Column("holder", Text, nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    comment="who may do what must be done once at a time; a token is higher than every earlier one",
)

log_cursors = Table(
    "log_cursors",
    metadata,
    Column("org", Text, primary_key=True),
    Column("next_link", Text, nullable=False),
    Column("saved_at", DateTime(timezone=True), nullable=False),
    Column("rescanned_until", DateTime(timezone=True)),
    Column("users_compared_at", DateTime(timezone=True)),
    Column("filter", Text),
    comment="how far each org's System Log is read: the link as Okta gave it",
)

provisionings = Table(
    "provisionings",
    metadata,
    Column("account_id", BigInteger, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("method", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    _now("begun_at"),
    Column("ended_at", DateTime(timezone=True)),
    Column("reason", Text),
    CheckConstraint("method IN ('hook', 'direct', 'none')", name="method_known"),
    CheckConstraint("outcome IN ('intended', 'created', 'found', 'refused')", name="outcome_known"),
    Index("provisionings_open_idx", "account_id", postgresql_where="outcome IN ('intended', 'refused')"),
    comment="intended is written before Okta is asked: whoever died in between looks first",
)

own_hooks = Table(
    "own_hooks",
    metadata,
    Column("org", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("hook_id", Text, primary_key=True),
    _now("made_at"),
    comment="the ids of the hooks that hooks register and rotate-secret made, by org and kind",
)

okta_calls = Table(
    "okta_calls",
    metadata,
    Column("uuid", Text, primary_key=True),
    Column("org", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("reason", Text),
    Column("hook_id", Text),
    Column("code", Text),
    Column("request_id", Text),
    Column("published", DateTime(timezone=True)),
    Column("verdict", Text),
    _now("received_at"),
    CheckConstraint(
        "event IN ('inline_hook.executed', 'inline_hook.response.processed', 'event_hook.delivery')",
        name="event_known",
    ),
    Index("okta_calls_received_at_idx", "received_at"),
    comment="calls of our hooks as the System Log reports them",
)

okta_call_counts = Table(
    "okta_call_counts",
    metadata,
    Column("event", Text, primary_key=True),
    Column("outcome", Text, primary_key=True),
    Column("verdict", Text, primary_key=True),
    Column("number", BigInteger, nullable=False),
    comment="how many rows okta_calls ever got, so that no scrape counts them",
)

okta_call_cursors = Table(
    "okta_call_cursors",
    metadata,
    Column("org", Text, primary_key=True),
    Column("next_link", Text, nullable=False),
    Column("saved_at", DateTime(timezone=True), nullable=False),
    comment="how far each org's System Log is read for calls of our hooks",
)

replicas = Table(
    "replicas",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("started_at", DateTime(timezone=True), nullable=False),
    _now("seen_at"),
    Column("figures", JSONB, nullable=False),
    comment="the running processes of serve; each writes its own row every few seconds",
)

replica_minutes = Table(
    "replica_minutes",
    metadata,
    # No foreign key: the minutes of a stopped replica are part of the last hour.
    Column("replica_id", Text, primary_key=True),
    Column("minute", DateTime(timezone=True), primary_key=True),
    Column("counts", JSONB, nullable=False),
    comment="what each replica counted in each minute of the last hour",
)

account_counts = Table(
    "account_counts",
    metadata,
    Column("id", Boolean, primary_key=True, server_default="true"),
    Column("counts", JSONB, nullable=False),
    Column("counted_at", DateTime(timezone=True), nullable=False),
    Column("seconds", Double, nullable=False),
    Column("claimed_until", DateTime(timezone=True), nullable=False),
    CheckConstraint("id", name="one_row"),
    comment="the last count of accounts and hashes, and which replica counts until when",
)

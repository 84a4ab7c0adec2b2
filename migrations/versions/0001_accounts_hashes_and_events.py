"""Accounts, their hashes, and the events that turn them into tombstones.

Plain SQL, since that is what PostgreSQL executes; `alembic check` compares it with `service.store.schema`.
"""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE installation (
    name text PRIMARY KEY,
    value bytea NOT NULL
);
COMMENT ON TABLE installation IS
    'what this installation made or chose once; the row binding_gate is there to be locked';

CREATE TABLE sources (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL CONSTRAINT sources_name_key UNIQUE
);

CREATE TABLE recipes (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    format text NOT NULL,
    parameters jsonb NOT NULL,
    cost text NOT NULL,
    stand_in jsonb NOT NULL,
    hashes_loaded bigint NOT NULL DEFAULT 0,
    CONSTRAINT recipes_format_parameters_cost_key UNIQUE (format, parameters, cost)
);
COMMENT ON TABLE recipes IS 'how stored hashes are checked, and a hash of nobody''s that takes as long';

CREATE TABLE accounts (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    login text NOT NULL,
    login_key text NOT NULL CONSTRAINT accounts_login_key_key UNIQUE,
    local_part text NOT NULL GENERATED ALWAYS AS (split_part(login_key, '@', 1)) STORED,
    okta_id text CONSTRAINT accounts_okta_id_key UNIQUE,
    state text NOT NULL CONSTRAINT accounts_state_known_check
        CHECK (state IN ('unarmed', 'waiting', 'verified', 'migrated', 'retired')),
    armed boolean NOT NULL GENERATED ALWAYS AS (state IN ('waiting', 'verified')) STORED,
    profile jsonb NOT NULL DEFAULT '{}',
    loaded_at timestamptz NOT NULL DEFAULT now(),
    verified_at timestamptz,
    forgotten_at timestamptz,
    proof text,
    CONSTRAINT accounts_id_armed_key UNIQUE (id, armed),
    CONSTRAINT accounts_tombstone_has_proof_check
        CHECK ((state IN ('migrated', 'retired')) = (forgotten_at IS NOT NULL AND proof IS NOT NULL)),
    CONSTRAINT accounts_verified_has_time_check CHECK (state <> 'verified' OR verified_at IS NOT NULL)
);
CREATE INDEX accounts_local_part_idx ON accounts (local_part);

CREATE TABLE identifiers (
    account_id bigint CONSTRAINT identifiers_account_id_fkey REFERENCES accounts (id) ON DELETE CASCADE,
    identifier_key text,
    PRIMARY KEY (account_id, identifier_key)
);
CREATE INDEX identifiers_identifier_key_idx ON identifiers (identifier_key);

CREATE TABLE hashes (
    account_id bigint,
    source_id integer CONSTRAINT hashes_source_id_fkey REFERENCES sources (id),
    recipe_id integer NOT NULL CONSTRAINT hashes_recipe_id_fkey REFERENCES recipes (id),
    armed boolean NOT NULL DEFAULT true CONSTRAINT hashes_armed_check CHECK (armed),
    hash bytea NOT NULL,
    salt text,
    username text,
    key_id text,
    PRIMARY KEY (account_id, source_id),
    CONSTRAINT hashes_armed_account_fkey FOREIGN KEY (account_id, armed) REFERENCES accounts (id, armed)
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 50);
COMMENT ON TABLE hashes IS 'a table of their own, so that forgetting is deleting';

CREATE TABLE import_events (
    uuid text PRIMARY KEY,
    delivery_id text,
    okta_user_id text,
    login_key text,
    outcome text NOT NULL,
    reason text,
    published timestamptz,
    transaction_id text,
    channel text NOT NULL CONSTRAINT import_events_channel_known_check CHECK (channel IN ('hook', 'log')),
    received_at timestamptz NOT NULL DEFAULT now(),
    account_id bigint,
    effect text NOT NULL CONSTRAINT import_events_effect_known_check
        CHECK (effect IN ('migrated', 'kept', 'already', 'unmatched', 'mismatch', 'unexplained'))
);
CREATE INDEX import_events_received_at_idx ON import_events (received_at);
CREATE INDEX import_events_account_id_idx ON import_events (account_id);
CREATE INDEX import_events_unmatched_user_idx ON import_events (okta_user_id) WHERE effect = 'unmatched';
CREATE INDEX import_events_unmatched_login_idx ON import_events (login_key) WHERE effect = 'unmatched';

CREATE TABLE unreadable_events (
    digest bytea PRIMARY KEY,
    channel text NOT NULL,
    delivery_id text,
    fault text NOT NULL,
    body bytea NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE unreadable_events IS
    'what an authenticated caller sent that could not be read, as bytes, for inspection';
"""

# A late SUCCESS is a stronger proof than the one an account was retired for; nothing else changes a tombstone.
TOMBSTONES_STAY = (
    """
CREATE FUNCTION keep_tombstone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state = 'migrated' AND NEW.state <> 'migrated'
       OR OLD.state = 'retired' AND NEW.state NOT IN ('retired', 'migrated') THEN
        RAISE EXCEPTION 'account % is a tombstone and stays one', OLD.id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$
""",
    """
CREATE TRIGGER accounts_keep_tombstone BEFORE UPDATE OF state ON accounts
    FOR EACH ROW WHEN (OLD.forgotten_at IS NOT NULL) EXECUTE FUNCTION keep_tombstone()
""",
)

# gen_random_uuid() uses the server's cryptographic generator; two of them contain 244 random bits.
FIRST_ROWS = """
INSERT INTO installation (name, value) VALUES
    ('binding_gate', ''),
    ('login_key_rule', '1'),
    ('login_digest_key', sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())));
"""


def upgrade() -> None:
    # asyncpg prepares what it executes, and PostgreSQL prepares one statement at a time.
    for statement in (*TABLES.split(";\n"), *TOMBSTONES_STAY, FIRST_ROWS):
        if statement.strip():
            op.execute(statement)


def downgrade() -> None:
    op.execute(
        "DROP TABLE unreadable_events, import_events, hashes, identifiers, accounts, recipes, sources, installation"
    )
    op.execute("DROP FUNCTION keep_tombstone")

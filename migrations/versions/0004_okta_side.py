"""The state of work on Okta: the position in the System Log, users being created, and leases."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE leases (
    name text PRIMARY KEY,
    token bigint NOT NULL,
    holder text NOT NULL,
    expires_at timestamptz NOT NULL
);
COMMENT ON TABLE leases IS 'who may do what must be done once at a time; a token is higher than every earlier one';

CREATE TABLE log_cursors (
    org text PRIMARY KEY,
    next_link text NOT NULL,
    saved_at timestamptz NOT NULL,
    rescanned_until timestamptz,
    users_compared_at timestamptz
);
COMMENT ON TABLE log_cursors IS 'how far each org''s System Log is read: the link as Okta gave it';

CREATE TABLE provisionings (
    account_id bigint PRIMARY KEY CONSTRAINT provisionings_account_id_fkey REFERENCES accounts (id) ON DELETE CASCADE,
    method text NOT NULL CONSTRAINT provisionings_method_known_check CHECK (method IN ('hook', 'direct')),
    outcome text NOT NULL CONSTRAINT provisionings_outcome_known_check
        CHECK (outcome IN ('intended', 'created', 'found', 'refused')),
    begun_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    reason text
);
CREATE INDEX provisionings_open_idx ON provisionings (account_id) WHERE outcome IN ('intended', 'refused');
COMMENT ON TABLE provisionings IS 'intended is written before Okta is asked: whoever died in between looks first';
"""


def upgrade() -> None:
    for statement in TABLES.split(";\n"):
        if statement.strip():
            op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE provisionings, log_cursors, leases")

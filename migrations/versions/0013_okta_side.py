"""Hooks that this installation created, groups of accounts, users without a password, and Okta's reports of its calls.

Additive, and no table is rewritten: `groups` has a constant default, and the replaced check of `provisionings` reads
that table once.
"""

from alembic import op

revision = "0013"
down_revision = "0011"
branch_labels = None
depends_on = None

TABLES = (
    """
    CREATE TABLE own_hooks (
        org text NOT NULL,
        kind text NOT NULL,
        hook_id text NOT NULL,
        made_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (org, kind, hook_id)
    )
    """,
    "COMMENT ON TABLE own_hooks IS 'the ids of the hooks that hooks register and rotate-secret made, by org and kind'",
    """
    CREATE TABLE okta_calls (
        uuid text PRIMARY KEY,
        org text NOT NULL,
        event text NOT NULL CONSTRAINT okta_calls_event_known_check
            CHECK (event IN ('inline_hook.executed', 'inline_hook.response.processed', 'event_hook.delivery')),
        outcome text NOT NULL,
        reason text,
        hook_id text,
        code text,
        request_id text,
        published timestamptz,
        verdict text,
        received_at timestamptz NOT NULL DEFAULT now()
    )
    """,
    "CREATE INDEX okta_calls_received_at_idx ON okta_calls (received_at)",
    "COMMENT ON TABLE okta_calls IS 'calls of our hooks as the System Log reports them'",
    """
    CREATE TABLE okta_call_counts (
        event text NOT NULL,
        outcome text NOT NULL,
        verdict text NOT NULL,
        number bigint NOT NULL,
        PRIMARY KEY (event, outcome, verdict)
    )
    """,
    "COMMENT ON TABLE okta_call_counts IS 'how many rows okta_calls ever got, so that no scrape counts them'",
    """
    CREATE TABLE okta_call_cursors (
        org text PRIMARY KEY,
        next_link text NOT NULL,
        saved_at timestamptz NOT NULL
    )
    """,
    "COMMENT ON TABLE okta_call_cursors IS 'how far each org''s System Log is read for calls of our hooks'",
)
GROUPS = "ALTER TABLE accounts ADD COLUMN groups text[] NOT NULL DEFAULT '{}'"
DROP_METHOD_CHECK = "ALTER TABLE provisionings DROP CONSTRAINT provisionings_method_known_check"
METHOD_CHECK = "ALTER TABLE provisionings ADD CONSTRAINT provisionings_method_known_check CHECK (method IN ({methods}))"


def upgrade() -> None:
    for statement in TABLES:
        op.execute(statement)
    op.execute(GROUPS)
    op.execute(DROP_METHOD_CHECK)
    op.execute(METHOD_CHECK.format(methods="'hook', 'direct', 'none'"))


def downgrade() -> None:
    op.execute(DROP_METHOD_CHECK)
    op.execute("DELETE FROM provisionings WHERE method = 'none'")
    op.execute(METHOD_CHECK.format(methods="'hook', 'direct'"))
    op.execute("ALTER TABLE accounts DROP COLUMN groups")
    for table in ("okta_call_cursors", "okta_call_counts", "okta_calls", "own_hooks"):
        op.execute(f"DROP TABLE {table}")

"""Figures of the status page (counts of each replica, the last count of the accounts), and an audit action.

Additive. The wider constraint is checked against every row of `audit`; no table is rewritten.
"""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

ACTIONS = (
    "'verified', 'refused', 'throttled', 'screened', 'forgotten', 'retired', 'loaded', 'deleted', 'skipped', 'tried'"
)

TABLES = (
    """
    CREATE TABLE replicas (
        id text PRIMARY KEY,
        name text NOT NULL,
        started_at timestamptz NOT NULL,
        seen_at timestamptz NOT NULL DEFAULT now(),
        figures jsonb NOT NULL
    )
    """,
    "COMMENT ON TABLE replicas IS 'the running processes of serve; each writes its own row every few seconds'",
    """
    CREATE TABLE replica_minutes (
        replica_id text NOT NULL,
        minute timestamptz NOT NULL,
        counts jsonb NOT NULL,
        PRIMARY KEY (replica_id, minute)
    )
    """,
    "COMMENT ON TABLE replica_minutes IS 'what each replica counted in each minute of the last hour'",
    """
    CREATE TABLE account_counts (
        id boolean PRIMARY KEY DEFAULT true CONSTRAINT account_counts_one_row_check CHECK (id),
        counts jsonb NOT NULL,
        counted_at timestamptz NOT NULL,
        seconds double precision NOT NULL,
        claimed_until timestamptz NOT NULL
    )
    """,
    "COMMENT ON TABLE account_counts IS 'the last count of accounts and hashes, and which replica counts until when'",
)


def upgrade() -> None:
    for statement in TABLES:
        op.execute(statement)
    _allow(f"{ACTIONS}, 'searched'")


def downgrade() -> None:
    # NOT VALID: entries with the action remain, because the trail is append-only.
    _allow(ACTIONS, "NOT VALID")
    for table in ("account_counts", "replica_minutes", "replicas"):
        op.execute(f"DROP TABLE {table}")


def _allow(actions: str, how: str = "") -> None:
    op.execute("ALTER TABLE audit DROP CONSTRAINT audit_action_known_check")
    op.execute(f"ALTER TABLE audit ADD CONSTRAINT audit_action_known_check CHECK (action IN ({actions})) {how}")

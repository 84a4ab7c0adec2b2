"""Known passwords that were tried: an action of the audit trail, and the formats under which one was VERIFIED.

Additive. The wider constraint is checked against every row of `audit`; no table is rewritten.
"""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

ACTIONS = "'verified', 'refused', 'throttled', 'screened', 'forgotten', 'retired', 'loaded', 'deleted', 'skipped'"

TABLE = """
CREATE TABLE tried_formats (
    format text PRIMARY KEY,
    verified_at timestamptz NOT NULL DEFAULT now()
)
"""

COMMENT = "COMMENT ON TABLE tried_formats IS 'formats and formulas under which a known password was VERIFIED by try'"


def upgrade() -> None:
    _allow(f"{ACTIONS}, 'tried'")
    op.execute(TABLE)
    op.execute(COMMENT)


def downgrade() -> None:
    op.execute("DROP TABLE tried_formats")
    # NOT VALID: entries with the action remain, because the trail is append-only.
    _allow(ACTIONS, "NOT VALID")


def _allow(actions: str, how: str = "") -> None:
    op.execute("ALTER TABLE audit DROP CONSTRAINT audit_action_known_check")
    op.execute(f"ALTER TABLE audit ADD CONSTRAINT audit_action_known_check CHECK (action IN ({actions})) {how}")

"""Failed sign-ins, counted so that guessing can be throttled."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# Unlogged: a wrong password does not wait for the disk. A crash of the server empties the table and resets the counts.
# The fill factor leaves room for each row's next version on its own page.
TABLE = """
CREATE UNLOGGED TABLE failures (
    subject bytea PRIMARY KEY,
    failures integer NOT NULL CONSTRAINT failures_not_negative_check CHECK (failures >= 0),
    since timestamptz NOT NULL,
    events bytea[] NOT NULL DEFAULT '{}',
    CONSTRAINT failures_bounded_check CHECK (octet_length(subject) = 16 AND cardinality(events) <= 8)
) WITH (fillfactor = 70)
"""

COMMENT = "COMMENT ON TABLE failures IS 'failed sign-ins of a login, and of a login from an address, by keyed digest'"


def upgrade() -> None:
    op.execute(TABLE)
    op.execute(COMMENT)


def downgrade() -> None:
    op.execute("DROP TABLE failures")

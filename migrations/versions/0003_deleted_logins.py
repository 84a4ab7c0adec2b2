"""The logins of accounts that an operator deleted, as keyed digests: a load does not add them again."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TABLE = """
CREATE TABLE deleted_logins (
    digest bytea PRIMARY KEY,
    deleted_at timestamptz NOT NULL DEFAULT now()
)
"""

COMMENT = "COMMENT ON TABLE deleted_logins IS 'HMAC-SHA256 of the login key of each deleted account'"


def upgrade() -> None:
    op.execute(TABLE)
    op.execute(COMMENT)


def downgrade() -> None:
    op.execute("DROP TABLE deleted_logins")

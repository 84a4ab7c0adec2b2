"""The reason why an account was loaded without the hash of its row: disabled in the old system."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE accounts ADD COLUMN disabled_reason text")


def downgrade() -> None:
    op.execute("ALTER TABLE accounts DROP COLUMN disabled_reason")

"""An index on the keys of hashes: each readiness check determines the keys in use, which then takes a few probes."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # It contains only encrypted hashes, and before this migration there are none, so creating it takes no time.
    op.execute("CREATE INDEX hashes_key_id_idx ON hashes (key_id) WHERE key_id IS NOT NULL")


def downgrade() -> None:
    op.execute("DROP INDEX hashes_key_id_idx")

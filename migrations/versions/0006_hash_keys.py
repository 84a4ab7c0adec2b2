"""Which keys hashes are encrypted under must be told at every readiness check: an index makes that a few probes."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Only sealed hashes are in it, and before this migration there are none: it is made in no time.
    op.execute("CREATE INDEX hashes_key_id_idx ON hashes (key_id) WHERE key_id IS NOT NULL")


def downgrade() -> None:
    op.execute("DROP INDEX hashes_key_id_idx")

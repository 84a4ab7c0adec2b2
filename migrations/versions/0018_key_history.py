"""The ids of the keys that hashes were ever encrypted under, as evidence for a report.

Additive. The keys of currently stored hashes are recorded; the time of their first use is unknown.
"""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE hash_keys (
            key_id text PRIMARY KEY,
            first_used_at timestamptz DEFAULT now(),
            destroyed_at timestamptz
        )
        """
    )
    op.execute(
        "COMMENT ON TABLE hash_keys IS 'keys that hashes were ever encrypted under, by id; when an operator declared "
        "one destroyed'"
    )
    op.execute(
        "INSERT INTO hash_keys (key_id, first_used_at) SELECT DISTINCT key_id, NULL::timestamptz FROM hashes "
        "WHERE key_id IS NOT NULL"
    )


def downgrade() -> None:
    op.execute("DROP TABLE hash_keys")

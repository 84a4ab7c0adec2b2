"""Stored names that changed: the column `dummy_hash` of `recipes`, and the format `multiple`.

Not additive: code from before this revision reads the old names. Stop the service, migrate, start it again.
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

COMMENT = "COMMENT ON TABLE recipes IS '{}'"
BEFORE = "how stored hashes are checked, and a hash of nobody''s that takes as long"
AFTER = "how stored hashes are checked, and a dummy hash of the same cost"


def upgrade() -> None:
    op.execute("ALTER TABLE recipes RENAME COLUMN stand_in TO dummy_hash")
    op.execute("UPDATE recipes SET format = 'multiple' WHERE format = 'several'")
    op.execute(COMMENT.format(AFTER))


def downgrade() -> None:
    op.execute(COMMENT.format(BEFORE))
    op.execute("UPDATE recipes SET format = 'several' WHERE format = 'multiple'")
    op.execute("ALTER TABLE recipes RENAME COLUMN dummy_hash TO stand_in")

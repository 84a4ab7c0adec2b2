"""A trigger that prevents the deletion of sources and recipes, so that hashes need no foreign keys to them.

PostgreSQL checks a foreign key for each row: these two took half of the time of loading a hash. The third, which
prevents a hash on a tombstone, remains.
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

FUNCTION = """
CREATE FUNCTION keep_what_hashes_name() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are never deleted: hashes name them', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$
"""

TRIGGER = """
CREATE TRIGGER {table}_stay BEFORE DELETE OR TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION keep_what_hashes_name()
"""

KEYS = {"sources": "source_id", "recipes": "recipe_id"}


def upgrade() -> None:
    op.execute(FUNCTION)
    for table, column in KEYS.items():
        op.execute(TRIGGER.format(table=table))
        op.execute(f"ALTER TABLE hashes DROP CONSTRAINT hashes_{column}_fkey")


def downgrade() -> None:
    for table, column in KEYS.items():
        op.execute(
            f"ALTER TABLE hashes ADD CONSTRAINT hashes_{column}_fkey FOREIGN KEY ({column}) REFERENCES {table} (id)"
        )
        op.execute(f"DROP TRIGGER {table}_stay ON {table}")
    op.execute("DROP FUNCTION keep_what_hashes_name")

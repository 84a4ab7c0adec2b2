"""The Okta login of accounts, the sources of identifiers, and the local parts of deleted logins.

Additive except for one index, which is recreated: code from before this revision still runs, more slowly for short
names. No table is rewritten. At five million accounts the index and the two checks each take one scan of `accounts`.
"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

UPGRADE = (
    """
ALTER TABLE accounts
    ADD COLUMN okta_login text,
    ADD COLUMN okta_login_key text,
    ADD COLUMN okta_updated_at timestamptz,
    ADD COLUMN superseded boolean NOT NULL DEFAULT false,
    ADD CONSTRAINT accounts_okta_login_is_bound_check
        CHECK ((okta_login IS NULL) = (okta_login_key IS NULL)
               AND (okta_id IS NOT NULL OR okta_login IS NULL AND okta_updated_at IS NULL AND NOT superseded))
""",
    """
CREATE INDEX accounts_okta_login_key_idx ON accounts (okta_login_key, superseded) WHERE okta_login_key IS NOT NULL
""",
    """
CREATE INDEX accounts_okta_local_part_idx ON accounts (split_part(okta_login_key, '@', 1))
    WHERE okta_login_key IS NOT NULL
""",
    "DROP INDEX accounts_local_part_idx",
    "CREATE INDEX accounts_local_part_idx ON accounts (local_part, okta_id) WHERE okta_login_key IS NULL",
    """
ALTER TABLE identifiers
    ADD COLUMN source_ids integer[] NOT NULL DEFAULT '{}',
    ADD COLUMN opted_in_source_ids integer[] NOT NULL DEFAULT '{}'
""",
    """
ALTER TABLE deleted_logins
    ADD COLUMN okta_login_digest bytea,
    ADD COLUMN local_part_digest bytea,
    ADD COLUMN bound boolean NOT NULL DEFAULT false
""",
    """
CREATE INDEX deleted_logins_okta_login_digest_idx ON deleted_logins (okta_login_digest)
    WHERE okta_login_digest IS NOT NULL
""",
    """
CREATE INDEX deleted_logins_local_part_digest_idx ON deleted_logins (local_part_digest, bound)
    WHERE local_part_digest IS NOT NULL
""",
    "COMMENT ON TABLE deleted_logins IS 'HMAC-SHA256 of the names of each deleted account'",
    "ALTER TABLE log_cursors ADD COLUMN filter text",
)

DOWNGRADE = (
    "ALTER TABLE log_cursors DROP COLUMN filter",
    "COMMENT ON TABLE deleted_logins IS 'HMAC-SHA256 of the login key of each deleted account'",
    """
ALTER TABLE deleted_logins
    DROP COLUMN okta_login_digest, DROP COLUMN local_part_digest, DROP COLUMN bound
""",
    "ALTER TABLE identifiers DROP COLUMN source_ids, DROP COLUMN opted_in_source_ids",
    # Dropping the columns also drops their indexes, including the one whose predicate names a column.
    """
ALTER TABLE accounts
    DROP COLUMN okta_login, DROP COLUMN okta_login_key, DROP COLUMN okta_updated_at, DROP COLUMN superseded
""",
    "CREATE INDEX accounts_local_part_idx ON accounts (local_part)",
)


def upgrade() -> None:
    for statement in UPGRADE:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWNGRADE:
        op.execute(statement)

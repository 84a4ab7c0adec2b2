"""The invented people of `password-import rehearse`, in a table separate from the accounts."""

from alembic import op

revision = "0015"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE rehearsal_people (
            login_key text PRIMARY KEY,
            password_digest bytea NOT NULL,
            recipe_id integer NOT NULL CONSTRAINT rehearsal_people_recipe_id_fkey REFERENCES recipes (id),
            expires_at timestamptz NOT NULL,
            sign_ins integer DEFAULT 0 NOT NULL,
            CONSTRAINT rehearsal_people_invalid_domain_check CHECK (login_key LIKE '%.rehearsal.invalid'),
            CONSTRAINT rehearsal_people_digest_size_check CHECK (octet_length(password_digest) = 32)
        )
        """
    )
    op.execute(
        "COMMENT ON TABLE rehearsal_people IS 'invented people of a load test; none is an account, each has an end'"
    )


def downgrade() -> None:
    op.execute("DROP TABLE rehearsal_people")

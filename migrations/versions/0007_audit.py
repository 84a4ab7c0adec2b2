"""The audit trail: rows are only added; a function deletes them after the retention time."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TABLE = """
CREATE TABLE audit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    action text NOT NULL CONSTRAINT audit_action_known_check CHECK (action IN
        ('verified', 'refused', 'throttled', 'screened', 'forgotten', 'retired', 'loaded', 'deleted', 'skipped')),
    reason text NOT NULL,
    code text,
    account_id bigint,
    last_account_id bigint,
    event_id text,
    request_id text
)
"""

COMMENT = "COMMENT ON TABLE audit IS 'what was done, to whom, when and why; never a secret; only added to'"

INDEXES = (
    # Rows are in the order of time, so a BRIN index is as good as a B-tree, and much cheaper.
    "CREATE INDEX audit_at_idx ON audit USING brin (at)",
    "CREATE INDEX audit_account_id_idx ON audit (account_id)",
    "CREATE INDEX audit_code_idx ON audit (code) WHERE code IS NOT NULL",
)

# Runs with its owner's rights: the service's role must not delete rows, except expired ones through this function.
# 100 days: longer than Okta keeps its own log.
PRUNE = """
CREATE FUNCTION prune_audit(keep interval, most integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    pruned bigint;
BEGIN
    IF keep < interval '100 days' THEN
        RAISE EXCEPTION 'the audit trail is kept for at least 100 days' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    DELETE FROM audit WHERE id IN (
        SELECT id FROM (SELECT id, at FROM audit ORDER BY id LIMIT most) AS first WHERE first.at < now() - keep
    );
    GET DIAGNOSTICS pruned = ROW_COUNT;
    RETURN pruned;
END $$
"""

STAYS = """
CREATE FUNCTION keep_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit trail is only added to' USING ERRCODE = 'restrict_violation';
END $$
"""

TRIGGER = """
CREATE TRIGGER audit_stays BEFORE UPDATE OR TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION keep_audit()
"""


def upgrade() -> None:
    for statement in (TABLE, COMMENT, *INDEXES, PRUNE, STAYS, TRIGGER):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP FUNCTION prune_audit")
    op.execute("DROP TABLE audit")
    op.execute("DROP FUNCTION keep_audit")

-- Roles with exactly the privileges that the service and its operators need. Run this as the owner of the tables after
-- each `password-import migrate`; it can be repeated:
--
--     psql "$MIGRATION_DATABASE_URL" -v ON_ERROR_STOP=1 -f deploy/roles.sql
--
-- Then create login users in these roles (docs/database-roles.md):
--
--     CREATE USER import_serve PASSWORD '…' IN ROLE password_import_service;
--     CREATE USER import_ops   PASSWORD '…' IN ROLE password_import_operator;

DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['password_import_service', 'password_import_operator'] LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL; -- it exists already
        END;
    END LOOP;
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO password_import_service, password_import_operator',
                   current_database());
    -- A load compares rows in temporary tables.
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO password_import_operator', current_database());
    EXECUTE format('REVOKE ALL ON SCHEMA %I FROM PUBLIC', current_schema());
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO password_import_service, password_import_operator', current_schema());
    EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA %I FROM PUBLIC, password_import_service, password_import_operator',
                   current_schema());
    EXECUTE format('REVOKE ALL ON ALL FUNCTIONS IN SCHEMA %I FROM PUBLIC', current_schema());
END $$;

-- `serve` reads what a sign-in needs, changes the state of accounts, and deletes hashes. It adds no hash and no account.
GRANT SELECT ON alembic_version, accounts, identifiers, sources, recipes, installation, failures, import_events,
    unreadable_events TO password_import_service;
GRANT SELECT (digest, okta_login_digest, local_part_digest, bound) ON deleted_logins TO password_import_service;
GRANT SELECT, DELETE ON hashes TO password_import_service;
GRANT UPDATE (state, verified_at, forgotten_at, proof, okta_id, superseded, profile) ON accounts TO password_import_service;
GRANT INSERT, DELETE, UPDATE (account_id, effect) ON import_events TO password_import_service;
GRANT INSERT, DELETE ON unreadable_events TO password_import_service;
GRANT SELECT, DELETE ON okta_calls TO password_import_service;
GRANT SELECT ON okta_call_counts TO password_import_service;
GRANT INSERT, UPDATE, DELETE ON failures TO password_import_service;
-- The people of a rehearsal sign in, and are deleted when no rehearsal runs.
GRANT SELECT, DELETE, UPDATE (sign_ins) ON rehearsal_people TO password_import_service;
GRANT SELECT ON leases TO password_import_service;
-- The status page: counts of each replica, counts of accounts and rejections, and the positions of the cursors.
GRANT SELECT, INSERT, UPDATE, DELETE ON replicas, replica_minutes, account_counts TO password_import_service;
GRANT SELECT (account_id, outcome) ON provisionings TO password_import_service;
GRANT SELECT (org, saved_at, users_compared_at) ON log_cursors TO password_import_service;
-- The audit trail is append-only for the service, which cannot read it. A function deletes only expired entries.
GRANT INSERT ON audit TO password_import_service;
GRANT EXECUTE ON FUNCTION prune_audit TO password_import_service, password_import_operator;

-- The commands: load, try, provision, reconcile, rehearse, stragglers, status, doctor, report, keys, audit export.
GRANT SELECT ON alembic_version, accounts, hashes, identifiers, sources, recipes, installation, failures, import_events,
    unreadable_events, deleted_logins, leases, log_cursors, provisionings, audit, own_hooks, okta_calls,
    okta_call_counts, okta_call_cursors, replicas, replica_minutes, account_counts TO password_import_operator;
GRANT INSERT, UPDATE, DELETE ON accounts, hashes, identifiers, failures, import_events, unreadable_events,
    deleted_logins, leases, log_cursors, provisionings, own_hooks, okta_calls, okta_call_counts,
    okta_call_cursors TO password_import_operator;
GRANT SELECT, INSERT, DELETE ON rehearsal_people TO password_import_operator;
GRANT INSERT ON sources, recipes, audit, installation TO password_import_operator;
GRANT UPDATE (hashes_loaded) ON recipes TO password_import_operator;
GRANT UPDATE (attributes) ON sources TO password_import_operator;
GRANT SELECT, INSERT, UPDATE ON tried_formats TO password_import_operator;
GRANT SELECT, INSERT, UPDATE (destroyed_at) ON hash_keys TO password_import_operator;
GRANT USAGE ON SEQUENCE accounts_id_seq TO password_import_operator;

-- Locking a row needs the UPDATE privilege. A policy limits it to the row `binding_gate`, which stays unchanged.
GRANT UPDATE ON installation TO password_import_service, password_import_operator;
ALTER TABLE installation ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS read_installation ON installation;
DROP POLICY IF EXISTS pass_gate ON installation;
DROP POLICY IF EXISTS operate_installation ON installation;
CREATE POLICY read_installation ON installation FOR SELECT TO password_import_service USING (true);
CREATE POLICY pass_gate ON installation FOR UPDATE TO password_import_service
    USING (name = 'binding_gate') WITH CHECK (name = 'binding_gate' AND value = '');
CREATE POLICY operate_installation ON installation TO password_import_operator USING (true) WITH CHECK (true);

-- Roles that may do what the service and its operators do, and nothing else. Run by the owner of the tables, after
-- `password-import migrate`, and again after each later one; it can be repeated:
--
--     psql "$MIGRATION_DATABASE_URL" -v ON_ERROR_STOP=1 -f deploy/roles.sql
--
-- Then make users that log in, and put them into the roles (docs/database-roles.md):
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
            NULL; -- it is there
        END;
    END LOOP;
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO password_import_service, password_import_operator',
                   current_database());
    -- A load compares through temporary tables.
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO password_import_operator', current_database());
    EXECUTE format('REVOKE ALL ON SCHEMA %I FROM PUBLIC', current_schema());
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO password_import_service, password_import_operator', current_schema());
    EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA %I FROM PUBLIC, password_import_service, password_import_operator',
                   current_schema());
    EXECUTE format('REVOKE ALL ON ALL FUNCTIONS IN SCHEMA %I FROM PUBLIC', current_schema());
END $$;

-- `serve` reads what a sign-in needs, marks accounts, and deletes hashes. It writes no hash, and adds no account.
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
-- A rehearsal's people sign in, and are removed once no rehearsal runs.
GRANT SELECT, DELETE, UPDATE (sign_ins) ON rehearsal_people TO password_import_service;
GRANT SELECT ON leases TO password_import_service;
-- The status page: what each replica counted, and counts of accounts and refusals; of the cursors only how far they are.
GRANT SELECT, INSERT, UPDATE, DELETE ON replicas, replica_minutes, account_counts TO password_import_service;
GRANT SELECT (account_id, outcome) ON provisionings TO password_import_service;
GRANT SELECT (org, saved_at, users_compared_at) ON log_cursors TO password_import_service;
-- The audit trail is added to, and not even read. What is old goes by a function that takes nothing younger.
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

-- To lock a row takes the right to change it: the service may have that for the gate alone, and change nothing of it.
GRANT UPDATE ON installation TO password_import_service, password_import_operator;
ALTER TABLE installation ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS read_installation ON installation;
DROP POLICY IF EXISTS pass_gate ON installation;
DROP POLICY IF EXISTS operate_installation ON installation;
CREATE POLICY read_installation ON installation FOR SELECT TO password_import_service USING (true);
CREATE POLICY pass_gate ON installation FOR UPDATE TO password_import_service
    USING (name = 'binding_gate') WITH CHECK (name = 'binding_gate' AND value = '');
CREATE POLICY operate_installation ON installation TO password_import_operator USING (true) WITH CHECK (true);

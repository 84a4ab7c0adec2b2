
SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

CREATE FUNCTION public.keep_audit() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION 'the audit trail is only added to' USING ERRCODE = 'restrict_violation';
END $$;

CREATE FUNCTION public.keep_tombstone() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF OLD.state = 'migrated' AND NEW.state <> 'migrated'
       OR OLD.state = 'retired' AND NEW.state NOT IN ('retired', 'migrated') THEN
        RAISE EXCEPTION 'account % is a tombstone and stays one', OLD.id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION public.keep_what_hashes_name() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are never deleted: hashes name them', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;

CREATE FUNCTION public.prune_audit(keep interval, most integer) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO '$user', 'public'
    AS $$
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
END $$;

SET default_tablespace = '';

SET default_table_access_method = heap;

CREATE TABLE public.accounts (
    id bigint NOT NULL,
    login text NOT NULL,
    login_key text NOT NULL,
    local_part text GENERATED ALWAYS AS (split_part(login_key, '@'::text, 1)) STORED NOT NULL,
    okta_id text,
    state text NOT NULL,
    armed boolean GENERATED ALWAYS AS ((state = ANY (ARRAY['waiting'::text, 'verified'::text]))) STORED NOT NULL,
    profile jsonb DEFAULT '{}'::jsonb NOT NULL,
    loaded_at timestamp with time zone DEFAULT now() NOT NULL,
    verified_at timestamp with time zone,
    forgotten_at timestamp with time zone,
    proof text,
    CONSTRAINT accounts_state_known_check CHECK ((state = ANY (ARRAY['unarmed'::text, 'waiting'::text, 'verified'::text, 'migrated'::text, 'retired'::text]))),
    CONSTRAINT accounts_tombstone_has_proof_check CHECK (((state = ANY (ARRAY['migrated'::text, 'retired'::text])) = ((forgotten_at IS NOT NULL) AND (proof IS NOT NULL)))),
    CONSTRAINT accounts_verified_has_time_check CHECK (((state <> 'verified'::text) OR (verified_at IS NOT NULL)))
);

ALTER TABLE public.accounts ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.accounts_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);

CREATE TABLE public.audit (
    id bigint NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    action text NOT NULL,
    reason text NOT NULL,
    code text,
    account_id bigint,
    last_account_id bigint,
    event_id text,
    request_id text,
    CONSTRAINT audit_action_known_check CHECK ((action = ANY (ARRAY['verified'::text, 'refused'::text, 'throttled'::text, 'screened'::text, 'forgotten'::text, 'retired'::text, 'loaded'::text, 'deleted'::text, 'skipped'::text])))
);

ALTER TABLE public.audit ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.audit_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.deleted_logins (
    digest bytea NOT NULL,
    deleted_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE UNLOGGED TABLE public.failures (
    subject bytea NOT NULL,
    failures integer NOT NULL,
    since timestamp with time zone NOT NULL,
    events bytea[] DEFAULT '{}'::bytea[] NOT NULL,
    CONSTRAINT failures_bounded_check CHECK (((octet_length(subject) = 16) AND (cardinality(events) <= 8))),
    CONSTRAINT failures_not_negative_check CHECK ((failures >= 0))
)
WITH (fillfactor='70');

CREATE TABLE public.hashes (
    account_id bigint NOT NULL,
    source_id integer NOT NULL,
    recipe_id integer NOT NULL,
    armed boolean DEFAULT true NOT NULL,
    hash bytea NOT NULL,
    salt text,
    username text,
    key_id text,
    CONSTRAINT hashes_armed_check CHECK (armed)
)
WITH (autovacuum_vacuum_scale_factor='0.01', autovacuum_vacuum_threshold='50');

CREATE TABLE public.identifiers (
    account_id bigint NOT NULL,
    identifier_key text NOT NULL
);

CREATE TABLE public.import_events (
    uuid text NOT NULL,
    delivery_id text,
    okta_user_id text,
    login_key text,
    outcome text NOT NULL,
    reason text,
    published timestamp with time zone,
    transaction_id text,
    channel text NOT NULL,
    received_at timestamp with time zone DEFAULT now() NOT NULL,
    account_id bigint,
    effect text NOT NULL,
    CONSTRAINT import_events_channel_known_check CHECK ((channel = ANY (ARRAY['hook'::text, 'log'::text]))),
    CONSTRAINT import_events_effect_known_check CHECK ((effect = ANY (ARRAY['migrated'::text, 'kept'::text, 'already'::text, 'unmatched'::text, 'mismatch'::text, 'unexplained'::text])))
);

CREATE TABLE public.installation (
    name text NOT NULL,
    value bytea NOT NULL
);

CREATE TABLE public.leases (
    name text NOT NULL,
    token bigint NOT NULL,
    holder text NOT NULL,
    expires_at timestamp with time zone NOT NULL
);

CREATE TABLE public.log_cursors (
    org text NOT NULL,
    next_link text NOT NULL,
    saved_at timestamp with time zone NOT NULL,
    rescanned_until timestamp with time zone,
    users_compared_at timestamp with time zone
);

CREATE TABLE public.provisionings (
    account_id bigint NOT NULL,
    method text NOT NULL,
    outcome text NOT NULL,
    begun_at timestamp with time zone DEFAULT now() NOT NULL,
    ended_at timestamp with time zone,
    reason text,
    CONSTRAINT provisionings_method_known_check CHECK ((method = ANY (ARRAY['hook'::text, 'direct'::text]))),
    CONSTRAINT provisionings_outcome_known_check CHECK ((outcome = ANY (ARRAY['intended'::text, 'created'::text, 'found'::text, 'refused'::text])))
);

CREATE TABLE public.recipes (
    id integer NOT NULL,
    format text NOT NULL,
    parameters jsonb NOT NULL,
    cost text NOT NULL,
    stand_in jsonb NOT NULL,
    hashes_loaded bigint DEFAULT 0 NOT NULL
);

ALTER TABLE public.recipes ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.recipes_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.sources (
    id integer NOT NULL,
    name text NOT NULL
);

ALTER TABLE public.sources ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.sources_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.unreadable_events (
    digest bytea NOT NULL,
    channel text NOT NULL,
    delivery_id text,
    fault text NOT NULL,
    body bytea NOT NULL,
    received_at timestamp with time zone DEFAULT now() NOT NULL
);

INSERT INTO public.accounts (id, login, login_key, okta_id, state, profile, loaded_at, verified_at, forgotten_at, proof) OVERRIDING SYSTEM VALUE VALUES (2, 'bob@corp.example', 'bob@corp.example', NULL, 'waiting', '{"id": "2", "email": "bob@corp.example", "lastName": "Smith", "firstName": "Bob"}', '2026-11-29 23:06:31.525901+00', NULL, NULL, NULL);
INSERT INTO public.accounts (id, login, login_key, okta_id, state, profile, loaded_at, verified_at, forgotten_at, proof) OVERRIDING SYSTEM VALUE VALUES (3, 'bjones@corp.example', 'bjones@corp.example', NULL, 'waiting', '{"id": "3", "email": "bjones@corp.example", "lastName": "Jones", "firstName": "B"}', '2026-11-29 23:06:31.525901+00', NULL, NULL, NULL);
INSERT INTO public.accounts (id, login, login_key, okta_id, state, profile, loaded_at, verified_at, forgotten_at, proof) OVERRIDING SYSTEM VALUE VALUES (4, 'alias-owner@corp.example', 'alias-owner@corp.example', NULL, 'waiting', '{"email": "alias-owner@corp.example", "lastName": "Owner", "firstName": "Alias"}', '2026-11-29 23:06:31.525901+00', NULL, NULL, NULL);
INSERT INTO public.accounts (id, login, login_key, okta_id, state, profile, loaded_at, verified_at, forgotten_at, proof) OVERRIDING SYSTEM VALUE VALUES (5, 'carol', 'carol', NULL, 'waiting', '{"email": "carol@other.example", "firstName": "Carol"}', '2026-11-29 23:06:31.525901+00', NULL, NULL, NULL);
INSERT INTO public.accounts (id, login, login_key, okta_id, state, profile, loaded_at, verified_at, forgotten_at, proof) OVERRIDING SYSTEM VALUE VALUES (6, 'carol@corp.example', 'carol@corp.example', '00uCAROL000000000001', 'waiting', '{"email": "carol@corp.example", "firstName": "Carol"}', '2026-11-29 23:06:31.525901+00', NULL, NULL, NULL);
INSERT INTO public.accounts (id, login, login_key, okta_id, state, profile, loaded_at, verified_at, forgotten_at, proof) OVERRIDING SYSTEM VALUE VALUES (7, 'dave@corp.example', 'dave@corp.example', NULL, 'waiting', '{"email": "dave@corp.example", "firstName": "Dave"}', '2026-11-29 23:06:31.525901+00', NULL, NULL, NULL);
INSERT INTO public.accounts (id, login, login_key, okta_id, state, profile, loaded_at, verified_at, forgotten_at, proof) OVERRIDING SYSTEM VALUE VALUES (8, 'zoë@corp.example', 'zoe@corp.example', NULL, 'waiting', '{"email": "zoe@corp.example", "firstName": "Zoë"}', '2026-11-29 23:06:31.525901+00', NULL, NULL, NULL);
INSERT INTO public.accounts (id, login, login_key, okta_id, state, profile, loaded_at, verified_at, forgotten_at, proof) OVERRIDING SYSTEM VALUE VALUES (9, 'nohash@corp.example', 'nohash@corp.example', NULL, 'unarmed', '{"email": "nohash@corp.example", "lastName": "Hash", "firstName": "No", "user_pass": "5f4dcc3b5aa765d61d8327deb882cf99"}', '2026-11-29 23:06:31.525901+00', NULL, NULL, NULL);
INSERT INTO public.accounts (id, login, login_key, okta_id, state, profile, loaded_at, verified_at, forgotten_at, proof) OVERRIDING SYSTEM VALUE VALUES (11, 'md5user@corp.example', 'md5user@corp.example', NULL, 'waiting', '{"nick": "m5", "firstName": "M"}', '2026-11-29 23:06:31.525901+00', NULL, NULL, NULL);
INSERT INTO public.accounts (id, login, login_key, okta_id, state, profile, loaded_at, verified_at, forgotten_at, proof) OVERRIDING SYSTEM VALUE VALUES (16, 'wasalias@corp.example', 'wasalias@corp.example', NULL, 'waiting', '{"lastName": "Alias", "firstName": "Was"}', '2026-11-29 23:06:31.525901+00', NULL, NULL, NULL);
INSERT INTO public.accounts (id, login, login_key, okta_id, state, profile, loaded_at, verified_at, forgotten_at, proof) OVERRIDING SYSTEM VALUE VALUES (17, 'phpass@corp.example', 'phpass@corp.example', NULL, 'waiting', '{"firstName": "Php"}', '2026-11-29 23:06:31.525901+00', NULL, NULL, NULL);
INSERT INTO public.accounts (id, login, login_key, okta_id, state, profile, loaded_at, verified_at, forgotten_at, proof) OVERRIDING SYSTEM VALUE VALUES (18, 'sha512crypt@corp.example', 'sha512crypt@corp.example', NULL, 'waiting', '{"firstName": "Crypt"}', '2026-11-29 23:06:31.525901+00', NULL, NULL, NULL);
INSERT INTO public.accounts (id, login, login_key, okta_id, state, profile, loaded_at, verified_at, forgotten_at, proof) OVERRIDING SYSTEM VALUE VALUES (19, 'pep0@corp.example', 'pep0@corp.example', NULL, 'waiting', '{"firstName": "Pep0"}', '2026-11-29 23:06:40.341848+00', NULL, NULL, NULL);
INSERT INTO public.accounts (id, login, login_key, okta_id, state, profile, loaded_at, verified_at, forgotten_at, proof) OVERRIDING SYSTEM VALUE VALUES (20, 'pep1@corp.example', 'pep1@corp.example', NULL, 'waiting', '{"firstName": "Pep1"}', '2026-11-29 23:06:40.341848+00', NULL, NULL, NULL);
INSERT INTO public.accounts (id, login, login_key, okta_id, state, profile, loaded_at, verified_at, forgotten_at, proof) OVERRIDING SYSTEM VALUE VALUES (21, 'pep2@corp.example', 'pep2@corp.example', NULL, 'waiting', '{"firstName": "Pep2"}', '2026-11-29 23:06:40.341848+00', NULL, NULL, NULL);
INSERT INTO public.accounts (id, login, login_key, okta_id, state, profile, loaded_at, verified_at, forgotten_at, proof) OVERRIDING SYSTEM VALUE VALUES (22, 'costly1@corp.example', 'costly1@corp.example', NULL, 'waiting', '{}', '2026-11-29 23:06:49.413562+00', NULL, NULL, NULL);
INSERT INTO public.accounts (id, login, login_key, okta_id, state, profile, loaded_at, verified_at, forgotten_at, proof) OVERRIDING SYSTEM VALUE VALUES (23, 'costly2@corp.example', 'costly2@corp.example', NULL, 'waiting', '{}', '2026-11-29 23:06:49.413562+00', NULL, NULL, NULL);
INSERT INTO public.accounts (id, login, login_key, okta_id, state, profile, loaded_at, verified_at, forgotten_at, proof) OVERRIDING SYSTEM VALUE VALUES (24, 'ldapper@corp.example', 'ldapper@corp.example', NULL, 'waiting', '{"cn": "L Dapper", "email": "ldapper@corp.example", "lastName": "Dapper", "firstName": "L"}', '2026-11-29 23:06:59.394058+00', NULL, NULL, NULL);
INSERT INTO public.accounts (id, login, login_key, okta_id, state, profile, loaded_at, verified_at, forgotten_at, proof) OVERRIDING SYSTEM VALUE VALUES (26, 'enc1@corp.example', 'enc1@corp.example', NULL, 'waiting', '{"firstName": "Enc1"}', '2026-11-29 23:07:09.370005+00', NULL, NULL, NULL);
INSERT INTO public.accounts (id, login, login_key, okta_id, state, profile, loaded_at, verified_at, forgotten_at, proof) OVERRIDING SYSTEM VALUE VALUES (27, 'enc2@corp.example', 'enc2@corp.example', NULL, 'waiting', '{"firstName": "Enc2"}', '2026-11-29 23:07:09.370005+00', NULL, NULL, NULL);
INSERT INTO public.accounts (id, login, login_key, okta_id, state, profile, loaded_at, verified_at, forgotten_at, proof) OVERRIDING SYSTEM VALUE VALUES (28, 'encmulti@corp.example', 'encmulti@corp.example', NULL, 'waiting', '{"firstName": "EncMulti"}', '2026-11-29 23:07:09.370005+00', NULL, NULL, NULL);
INSERT INTO public.accounts (id, login, login_key, okta_id, state, profile, loaded_at, verified_at, forgotten_at, proof) OVERRIDING SYSTEM VALUE VALUES (1, 'ada@corp.example', 'ada@corp.example', '00uADA0000000000001', 'waiting', '{"id": "1", "nick": "countess", "email": "ada@corp.example", "lastName": "Lovelace", "firstName": "Ada", "sambaNTPassword": "8846F7EAEE8FB117AD06BDD830B7586C", "old_password_hash": "$2b$04$dQfFaDysYI.WV/XtSC9elO3Aba6sfHWaCRl4DkbrlkD3XkpV7T4Uq"}', '2026-11-29 23:07:09.370005+00', NULL, NULL, NULL);
INSERT INTO public.accounts (id, login, login_key, okta_id, state, profile, loaded_at, verified_at, forgotten_at, proof) OVERRIDING SYSTEM VALUE VALUES (13, 'reset@corp.example', 'reset@corp.example', '00uRESET000000000001', 'retired', '{"email": "reset@corp.example", "lastName": "Set", "firstName": "Re"}', '2026-11-29 23:06:31.525901+00', NULL, '2026-11-29 23:07:37.83036+00', 'forgotten by operator');
INSERT INTO public.accounts (id, login, login_key, okta_id, state, profile, loaded_at, verified_at, forgotten_at, proof) OVERRIDING SYSTEM VALUE VALUES (14, 'verified@corp.example', 'verified@corp.example', '00uVERIFIED000000001', 'verified', '{"email": "verified@corp.example", "lastName": "Fied", "firstName": "Veri"}', '2026-11-29 23:06:31.525901+00', '2026-11-29 23:09:33.109429+00', NULL, NULL);
INSERT INTO public.accounts (id, login, login_key, okta_id, state, profile, loaded_at, verified_at, forgotten_at, proof) OVERRIDING SYSTEM VALUE VALUES (25, 'enc0@corp.example', 'enc0@corp.example', NULL, 'verified', '{"firstName": "Enc0"}', '2026-11-29 23:07:09.370005+00', '2026-11-29 23:09:33.205428+00', NULL, NULL);
INSERT INTO public.accounts (id, login, login_key, okta_id, state, profile, loaded_at, verified_at, forgotten_at, proof) OVERRIDING SYSTEM VALUE VALUES (10, 'multi@corp.example', 'multi@corp.example', NULL, 'verified', '{"firstName": "Multi"}', '2026-11-29 23:06:31.525901+00', '2026-11-29 23:09:33.285445+00', NULL, NULL);
INSERT INTO public.accounts (id, login, login_key, okta_id, state, profile, loaded_at, verified_at, forgotten_at, proof) OVERRIDING SYSTEM VALUE VALUES (12, 'success@corp.example', 'success@corp.example', '00uSUCCESS0000000001', 'migrated', '{"nick": "sue", "email": "success@corp.example", "lastName": "Cess", "firstName": "Sue"}', '2026-11-29 23:06:31.525901+00', '2026-11-29 23:09:33.17954+00', '2026-11-29 23:09:33.29834+00', '11111111-1111-1111-1111-111111111111');

INSERT INTO public.alembic_version (version_num) VALUES ('0007');

INSERT INTO public.audit (id, at, action, reason, code, account_id, last_account_id, event_id, request_id) OVERRIDING SYSTEM VALUE VALUES (1, '2026-11-29 23:06:31.525901+00', 'loaded', 'new, source shop', NULL, 1, 18, NULL, NULL);
INSERT INTO public.audit (id, at, action, reason, code, account_id, last_account_id, event_id, request_id) OVERRIDING SYSTEM VALUE VALUES (2, '2026-11-29 23:06:40.341848+00', 'loaded', 'new, source peppered', NULL, 19, 21, NULL, NULL);
INSERT INTO public.audit (id, at, action, reason, code, account_id, last_account_id, event_id, request_id) OVERRIDING SYSTEM VALUE VALUES (3, '2026-11-29 23:06:49.413562+00', 'loaded', 'new, source costly', NULL, 22, 23, NULL, NULL);
INSERT INTO public.audit (id, at, action, reason, code, account_id, last_account_id, event_id, request_id) OVERRIDING SYSTEM VALUE VALUES (4, '2026-11-29 23:06:59.394058+00', 'loaded', 'new, source ldap', NULL, 24, 24, NULL, NULL);
INSERT INTO public.audit (id, at, action, reason, code, account_id, last_account_id, event_id, request_id) OVERRIDING SYSTEM VALUE VALUES (5, '2026-11-29 23:07:09.370005+00', 'loaded', 'new, source crm', NULL, 25, 28, NULL, NULL);
INSERT INTO public.audit (id, at, action, reason, code, account_id, last_account_id, event_id, request_id) OVERRIDING SYSTEM VALUE VALUES (6, '2026-11-29 23:07:09.370005+00', 'loaded', 'new hash, source crm', NULL, 1, NULL, NULL, NULL);
INSERT INTO public.audit (id, at, action, reason, code, account_id, last_account_id, event_id, request_id) OVERRIDING SYSTEM VALUE VALUES (7, '2026-11-29 23:07:23.145012+00', 'deleted', 'deleted by operator', NULL, 15, NULL, NULL, NULL);
INSERT INTO public.audit (id, at, action, reason, code, account_id, last_account_id, event_id, request_id) OVERRIDING SYSTEM VALUE VALUES (8, '2026-11-29 23:07:37.83036+00', 'retired', 'forgotten by operator', NULL, 13, NULL, NULL, NULL);
INSERT INTO public.audit (id, at, action, reason, code, account_id, last_account_id, event_id, request_id) OVERRIDING SYSTEM VALUE VALUES (9, '2026-11-29 23:09:33.109429+00', 'verified', 'password', '8dbc1ae1aa339464', 14, NULL, 'd292cbed33981ba23e', 'XiIl6wn7005Rr@fjYqeC7AAABxw');
INSERT INTO public.audit (id, at, action, reason, code, account_id, last_account_id, event_id, request_id) OVERRIDING SYSTEM VALUE VALUES (10, '2026-11-29 23:09:33.17954+00', 'verified', 'password', 'f0216582828d456a', 12, NULL, '7e86872c2337afde94', 'XiIl6wn7005Rr@fjYqeC7AAABxw');
INSERT INTO public.audit (id, at, action, reason, code, account_id, last_account_id, event_id, request_id) OVERRIDING SYSTEM VALUE VALUES (11, '2026-11-29 23:09:33.205428+00', 'verified', 'password', '81720f558b0782ec', 25, NULL, 'bdef6e7f8cef7d5d23', 'XiIl6wn7005Rr@fjYqeC7AAABxw');
INSERT INTO public.audit (id, at, action, reason, code, account_id, last_account_id, event_id, request_id) OVERRIDING SYSTEM VALUE VALUES (12, '2026-11-29 23:09:33.285445+00', 'verified', 'password', '4c83deaa7c7c20a0', 10, NULL, 'b57fc3fa64063e8dff', 'XiIl6wn7005Rr@fjYqeC7AAABxw');
INSERT INTO public.audit (id, at, action, reason, code, account_id, last_account_id, event_id, request_id) OVERRIDING SYSTEM VALUE VALUES (13, '2026-11-29 23:09:33.29834+00', 'forgotten', 'SUCCESS 11111111-1111-1111-1111-111111111111', NULL, 12, NULL, '11111111-1111-4111-8111-111111111111', 'ZCCzm8j2wTvzwele2NwLnwAADSc');
INSERT INTO public.audit (id, at, action, reason, code, account_id, last_account_id, event_id, request_id) OVERRIDING SYSTEM VALUE VALUES (14, '2026-11-29 23:09:33.241561+00', 'refused', 'wrong_password', 'f46da80ca056d349', 1, NULL, 'a3b5853db2b49ba2b6', 'XiIl6wn7005Rr@fjYqeC7AAABxw');

INSERT INTO public.deleted_logins (digest, deleted_at) VALUES ('\xcde1e4f0e16b0e833d12ae98b92b13602c5c538475998e041c605109f25c22da', '2026-11-29 23:07:23.145012+00');

INSERT INTO public.failures (subject, failures, since, events) VALUES ('\x95125a2ca4bd0e6a835af8b2a28516b1', 1, '2026-11-29 23:09:33.245444+00', '{"\\x267a8b37c586b706"}');
INSERT INTO public.failures (subject, failures, since, events) VALUES ('\x8eaf0884ae4c9a903fbb575f77330ae9', 1, '2026-11-29 23:09:33.245444+00', '{}');

INSERT INTO public.hashes (account_id, source_id, recipe_id, armed, hash, salt, username, key_id) VALUES (1, 1, 1, true, '\x2432622430342441304767446f71794c6b7a7a433856336c5a41666c4f38685a764d49516e666f36436d47442e6533626c6e2f67435a39746c6e5569', NULL, NULL, NULL);
INSERT INTO public.hashes (account_id, source_id, recipe_id, armed, hash, salt, username, key_id) VALUES (2, 1, 1, true, '\x243262243034243461563236696678354d2f785a7579714e736e456875663954756e585876703144705474466949703251727a6572326c50636f6d36', NULL, NULL, NULL);
INSERT INTO public.hashes (account_id, source_id, recipe_id, armed, hash, salt, username, key_id) VALUES (3, 1, 1, true, '\x24326224303424762e654774716b366f5930736639436b63486a64554f523357794378614468565a77443472506a303051616c48716f322f5369426d', NULL, NULL, NULL);
INSERT INTO public.hashes (account_id, source_id, recipe_id, armed, hash, salt, username, key_id) VALUES (4, 1, 1, true, '\x243262243034244a325235782f73376f3670784b766d65383176536575596c4f6c664b62472e3858553138513444677a4b5157306376496e794b6b43', NULL, NULL, NULL);
INSERT INTO public.hashes (account_id, source_id, recipe_id, armed, hash, salt, username, key_id) VALUES (5, 1, 1, true, '\x243262243034245a4277666c307a4255495a2e35673270677a5565772e697241754c47696d4748535955474963385244747a744d632f47415963306d', NULL, NULL, NULL);
INSERT INTO public.hashes (account_id, source_id, recipe_id, armed, hash, salt, username, key_id) VALUES (6, 1, 1, true, '\x243262243034245268414e6c7a362e427859696b4941473474507538754a466c5961436546714c384f70375572696c537a76323966662e3142735736', NULL, NULL, NULL);
INSERT INTO public.hashes (account_id, source_id, recipe_id, armed, hash, salt, username, key_id) VALUES (7, 1, 2, true, '\x39373064653264376232396535353138643233343939303736353731653463306362636665363166663031386561643632616138376133626533656164346635', 's4lt', NULL, NULL);
INSERT INTO public.hashes (account_id, source_id, recipe_id, armed, hash, salt, username, key_id) VALUES (8, 1, 1, true, '\x243262243034244541433075566364796d4b6b546d5668366952336265725251656f64476e6e41666558564464566f2e582e4e5a78304e736d32314b', NULL, NULL, NULL);
INSERT INTO public.hashes (account_id, source_id, recipe_id, armed, hash, salt, username, key_id) VALUES (10, 1, 3, true, '\x5b222432622430342439656c767453786d765455326f314b7661714538572e7934634431674b7a6478316f576f747065536b54795348532f4133714e614f222c20227b5348417d4c666b4f54684f71767669466e4d774f475235564e6548597763383d225d', NULL, NULL, NULL);
INSERT INTO public.hashes (account_id, source_id, recipe_id, armed, hash, salt, username, key_id) VALUES (11, 1, 4, true, '\x3861663938333666633064363037623430653163646464336136633935666639', NULL, NULL, NULL);
INSERT INTO public.hashes (account_id, source_id, recipe_id, armed, hash, salt, username, key_id) VALUES (14, 1, 1, true, '\x2432622430342431314a55704a5a675a384d414d413350724a5975564f743532577a4b4a705064496159684d34754b4a47367765626f65546e366a36', NULL, NULL, NULL);
INSERT INTO public.hashes (account_id, source_id, recipe_id, armed, hash, salt, username, key_id) VALUES (16, 1, 1, true, '\x24326224303424327631323270706338325a543030744a6a4969426d2e6b795651512e3741464d6e544b4f2e4d6e6d4c476158323745394b52626943', NULL, NULL, NULL);
INSERT INTO public.hashes (account_id, source_id, recipe_id, armed, hash, salt, username, key_id) VALUES (17, 1, 5, true, '\x245024394951526154776d6665526f377564394668344532506449305333722e4c30', NULL, NULL, NULL);
INSERT INTO public.hashes (account_id, source_id, recipe_id, armed, hash, salt, username, key_id) VALUES (18, 1, 6, true, '\x243624726f756e64733d3530303024757365736f6d6573696c6c797374726924443449726c5861746d50377278335033496e617842656f6f6d6e416968434b52565141722f33366559446857674c32794c7139557656307030614c55645276334770312e634438722f4e34676e6d746b7a6358647530', NULL, NULL, NULL);
INSERT INTO public.hashes (account_id, source_id, recipe_id, armed, hash, salt, username, key_id) VALUES (19, 2, 7, true, '\x65623365343337623133656335373831383632336137653263353562646430373766636437633334626262376563343036663830306365636564346539356365', 'salt0', NULL, NULL);
INSERT INTO public.hashes (account_id, source_id, recipe_id, armed, hash, salt, username, key_id) VALUES (20, 2, 7, true, '\x32363336373161656165636264656366633130643761343066626539353537333536393331663733323937376639323235323033376337366438646561363365', 'salt1', NULL, NULL);
INSERT INTO public.hashes (account_id, source_id, recipe_id, armed, hash, salt, username, key_id) VALUES (21, 2, 7, true, '\x38613138303632366633666633326330663439633263643339353534306164323765353165393764396566623564366338636461643733663966366539643335', 'salt2', NULL, NULL);
INSERT INTO public.hashes (account_id, source_id, recipe_id, armed, hash, salt, username, key_id) VALUES (22, 3, 8, true, '\x5b2224326224313524716f73677a57536a4c56332f6a4a7847324d636534654e6b7a6749673761613354666a3947527a4551614b4267396b467742773969222c20222432622431352451796f6e34636f31654f70436963736b6a3930304e75532f542f353863747079697432425073625a6e533662666548724652754169222c202224326224313524745331426a394764596137447950784c5a36477771654267437065444c4f506d3531743133336b53364c626843646f7a53346a6157222c202224326224313524796f5a365a70794838786f386a3676422f624f31394f66794b784c34716630662e3541476f383474446477383454566a7357687169222c202224326224313524664f4e613074356442786a58626d50534a6c37774b4f6b757264653754724f5a59792e562f72734f75326f7069686361474c57366d222c202224326224313524474631424b754a61785a6564794159386a4e6e48526530786d3870756d304c4a4662556a6c695356523058324f6c3962773474644f222c2022243262243135244d7064635678596c79744f45484a4b63524d6b626c75644364775358487a384d58383336476e664150734734626d7a744648564943222c202224326224313524684f6a364a48675979566761744c64776c4f344f364f74334d4f37506c6a435666455a594564537734636561636c6d395577417a65225d', NULL, NULL, NULL);
INSERT INTO public.hashes (account_id, source_id, recipe_id, armed, hash, salt, username, key_id) VALUES (23, 3, 9, true, '\x7363727970743a313034383537363a313a312473616c7473616c74246162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261626162', NULL, NULL, NULL);
INSERT INTO public.hashes (account_id, source_id, recipe_id, armed, hash, salt, username, key_id) VALUES (24, 4, 10, true, '\x7b5348417d63384e6363654a637445346b4a6266714a567230703247326c4c733d', NULL, NULL, NULL);
INSERT INTO public.hashes (account_id, source_id, recipe_id, armed, hash, salt, username, key_id) VALUES (25, 5, 1, true, '\xa8171e8706fcc59947b642aac255738237a7fa9bb8401ab70d0d4c062cd804925e6caee689f2bbb1dd44f9eed3388d74cbc5afbc63eb553725d9b885a1eab165aea6cd9ac0c6606cd601a429e13b5b5dfdfd2c295411524a', NULL, NULL, 'k1');
INSERT INTO public.hashes (account_id, source_id, recipe_id, armed, hash, salt, username, key_id) VALUES (26, 5, 1, true, '\x091e350b87c54bc919173bffc97ecbf34140d83ca1b79dec6860959ad1448d8c4f0a74d73b351b1ea069801646973605d405b9c3c8fc46f8397f30fe63d262140ab43a1a3ed2156f119d38346ab97601013de2ad8d13f6af', NULL, NULL, 'k1');
INSERT INTO public.hashes (account_id, source_id, recipe_id, armed, hash, salt, username, key_id) VALUES (27, 5, 1, true, '\x513e6fc81bd3efc283b1188bb8720e57bb313d4798a91cf218b738e1ca341a58a41e18b63f07020f486a5145b0b6fadfd12e9d5d5d77f12cd30f88c93cad008b195387b2c5e469a6a4db220954cc79f02fb52dfcf83c9b5e', NULL, NULL, 'k1');
INSERT INTO public.hashes (account_id, source_id, recipe_id, armed, hash, salt, username, key_id) VALUES (28, 5, 3, true, '\x9eeefe9f43412a79d125fa461b3352e218d45b94e51db172e7203b492a92071cdcadfa0f125c240b9bd8e1930451ddf0eb6cd481d8294d7a351a14f997736f5fdcc11f01d2d74dcb836f7bb0084ef9a8817737f079f69705f85b61349957ab60fde89c0dfe36d5e8743a1c83a1b75bb47db4beb4b9f8c9a5b8a600d86300e7a4ac', NULL, NULL, 'k1');
INSERT INTO public.hashes (account_id, source_id, recipe_id, armed, hash, salt, username, key_id) VALUES (1, 5, 1, true, '\xa05fddb7638e3a3242850f77ea4da8ab2a0b9d0502a1cb2a2192fa123df76142c10ec1fabd0a54eaae3c06a1c74d9028e53b6b396fb29c7ced1fdb3a9a91bf15f107217faf958dc7b13a31aaeb6ee277306dc63ad99a1159', NULL, NULL, 'k1');

INSERT INTO public.identifiers (account_id, identifier_key) VALUES (1, 'ada.lovelace');
INSERT INTO public.identifiers (account_id, identifier_key) VALUES (1, 'countess@corp.example');
INSERT INTO public.identifiers (account_id, identifier_key) VALUES (2, 'rsmith');
INSERT INTO public.identifiers (account_id, identifier_key) VALUES (3, 'bob');
INSERT INTO public.identifiers (account_id, identifier_key) VALUES (4, 'ceo@corp.example');
INSERT INTO public.identifiers (account_id, identifier_key) VALUES (4, 'info@corp.example');
INSERT INTO public.identifiers (account_id, identifier_key) VALUES (16, 'deleted@corp.example');
INSERT INTO public.identifiers (account_id, identifier_key) VALUES (24, 'ldapper');
INSERT INTO public.identifiers (account_id, identifier_key) VALUES (24, 'ldapper.alt@corp.example');

INSERT INTO public.import_events (uuid, delivery_id, okta_user_id, login_key, outcome, reason, published, transaction_id, channel, received_at, account_id, effect) VALUES ('11111111-1111-1111-1111-111111111111', '11111111-1111-4111-8111-111111111111', '00uSUCCESS0000000001', 'success@corp.example', 'SUCCESS', NULL, '2026-11-29 22:00:00+00', 'ZCCzm8j2wTvzwele2NwLnwAADSc', 'hook', '2026-11-29 23:09:33.29834+00', 12, 'migrated');
INSERT INTO public.import_events (uuid, delivery_id, okta_user_id, login_key, outcome, reason, published, transaction_id, channel, received_at, account_id, effect) VALUES ('22222222-2222-2222-2222-222222222222', '11111111-1111-4111-8111-111111111111', '00uVERIFIED000000001', 'verified@corp.example', 'FAILURE', NULL, '2026-11-29 22:00:00+00', 'ZCCzm8j2wTvzwele2NwLnwAADSc', 'hook', '2026-11-29 23:09:33.460897+00', 14, 'kept');
INSERT INTO public.import_events (uuid, delivery_id, okta_user_id, login_key, outcome, reason, published, transaction_id, channel, received_at, account_id, effect) VALUES ('33333333-3333-3333-3333-333333333333', '11111111-1111-4111-8111-111111111111', '00uUNKNOWN0000000001', 'later@corp.example', 'SUCCESS', NULL, '2026-11-29 22:00:00+00', 'ZCCzm8j2wTvzwele2NwLnwAADSc', 'hook', '2026-11-29 23:09:33.494295+00', NULL, 'unmatched');

INSERT INTO public.installation (name, value) VALUES ('binding_gate', '\x');
INSERT INTO public.installation (name, value) VALUES ('login_key_rule', '\x31');
INSERT INTO public.installation (name, value) VALUES ('login_digest_key', '\x3031fc62611cc912800dc30349aeffa2b3c8e778b1857b917987a4e0d69fa7c6');

INSERT INTO public.recipes (id, format, parameters, cost, stand_in, hashes_loaded) OVERRIDING SYSTEM VALUE VALUES (2, 'sha256($pass.$salt)', '{"charset": "utf-8", "salt_encoding": "text"}', 'sha256', '{"hash": "97b17581ff332fe37bd4e819a4ac5083efc75e56ed568ddf3ac6be531f2f31c7", "salt": "MhQU", "username": null}', 1);
INSERT INTO public.recipes (id, format, parameters, cost, stand_in, hashes_loaded) OVERRIDING SYSTEM VALUE VALUES (4, 'md5($pass)', '{"charset": "utf-8", "salt_encoding": "text"}', 'md5', '{"hash": "73119c3da7263265bb556bbdf048c1f5", "salt": null, "username": null}', 1);
INSERT INTO public.recipes (id, format, parameters, cost, stand_in, hashes_loaded) OVERRIDING SYSTEM VALUE VALUES (5, 'phpass', '{"charset": "utf-8", "salt_encoding": "text"}', 'phpass md5 11', '{"hash": "$P$9UMVfAmITGSCaZGeFLh2TrBR7mg5.er", "salt": null, "username": null}', 1);
INSERT INTO public.recipes (id, format, parameters, cost, stand_in, hashes_loaded) OVERRIDING SYSTEM VALUE VALUES (6, 'sha512_crypt', '{"charset": "utf-8", "salt_encoding": "text"}', 'sha512_crypt 5000', '{"hash": "$6$rounds=5000$OYuMrtqWNvUFeTgO$dabqInX5aK3cBghKjEAoVL3BrY3HW4AtNdDN/8UKYJxbr1NNTFWTkpcUDxxOk4lKg0d.kQSD/e3k2vjodcmKlC", "salt": null, "username": null}', 1);
INSERT INTO public.recipes (id, format, parameters, cost, stand_in, hashes_loaded) OVERRIDING SYSTEM VALUE VALUES (7, 'sha256($pass.$salt.$pepper)', '{"charset": "utf-8", "pepper_env": "SHOP_PEPPER", "salt_encoding": "text"}', 'sha256', '{"hash": "341d1fc97154c48f1f5172b629ee4c4c4e2b75c492a5c336820fafd5b904b39f", "salt": "hCPfg", "username": null}', 3);
INSERT INTO public.recipes (id, format, parameters, cost, stand_in, hashes_loaded) OVERRIDING SYSTEM VALUE VALUES (8, 'several', '{"charset": "utf-8", "salt_encoding": "text"}', 'bcrypt 15 + bcrypt 15 + bcrypt 15 + bcrypt 15 + bcrypt 15 + bcrypt 15 + bcrypt 15 + bcrypt 15', '{"hash": "[\"$2b$15$5iGM8MREAAW/ycGIzoOy72ilXKKxNeh7EyByshziVQltSY7GjgAZn\", \"$2b$15$VdKDEQCVD1mSvnyk2E6xqnU/2/xFt2cTSxZY4nIiD9D3KZXDX8ydT\", \"$2b$15$fGZuz6rUMh7l8jlwQ3xLxhjVdbhWbjonDsfmSQSWvHelMkJH7iPJs\", \"$2b$15$3v6FNsJDXOGM3Ulq/VBvhpp1n8AF3gvL.7j9DhC79GxF8j3fcPHnX\", \"$2b$15$3XLafKSm5hGWV3VX2Y4JcLKARUMSj3Ifk5.I/LEvsIRTafMyFMAF1\", \"$2b$15$9wtzI3DAvd6YzxEiiajLPVWX7dlqmAvZ7b9rzOJvBLYoYoQd4qqIQ\", \"$2b$15$mRItrpyREixnXIHahcdlHYu8vZ5mfsYiCBX86saQzKo290V9FtsbP\", \"$2b$15$HBcS3K32cfZv0UClQnyl1dIZCEIesu4FK71izkOU38DFbDcTe0EDQ\"]", "salt": null, "username": null}', 1);
INSERT INTO public.recipes (id, format, parameters, cost, stand_in, hashes_loaded) OVERRIDING SYSTEM VALUE VALUES (9, 'werkzeug_scrypt', '{"charset": "utf-8", "salt_encoding": "text"}', 'scrypt N=1048576 r=1 p=1', '{"hash": "scrypt:1048576:1:1$nPhGXwXN$2fee1bf02184f04d3418891a3d9bc7b9f8b852f4f923c30dd56ed344ddccd6afd02aec010733f7ac54867a301023f04c64013d2d50885eda3c395058297a7a78", "salt": null, "username": null}', 1);
INSERT INTO public.recipes (id, format, parameters, cost, stand_in, hashes_loaded) OVERRIDING SYSTEM VALUE VALUES (10, 'ldap_sha1', '{"charset": "utf-8", "salt_encoding": "text"}', 'sha1', '{"hash": "{SHA}u0kke0zvZv4IzYUo4mR7F5SJFZ2=", "salt": null, "username": null}', 1);
INSERT INTO public.recipes (id, format, parameters, cost, stand_in, hashes_loaded) OVERRIDING SYSTEM VALUE VALUES (1, 'bcrypt', '{"charset": "utf-8", "salt_encoding": "text"}', 'bcrypt 4', '{"hash": "$2b$04$znpQjruHhasgpKyUAtFIEIXCh74llQzjMyoBm.3DLNE/SAsoP5v9h", "salt": null, "username": null}', 16);
INSERT INTO public.recipes (id, format, parameters, cost, stand_in, hashes_loaded) OVERRIDING SYSTEM VALUE VALUES (3, 'several', '{"charset": "utf-8", "salt_encoding": "text"}', 'bcrypt 4 + sha1', '{"hash": "[\"$2b$04$6DIHbQfEoTalHeKrOcMia.uI2yZqmmvNr0oj0lgsYp6gU2/1p90N6\", \"{SHA}RSJonGKcOoBd5vz03ahIGN2wINC=\"]", "salt": null, "username": null}', 2);

INSERT INTO public.sources (id, name) OVERRIDING SYSTEM VALUE VALUES (1, 'shop');
INSERT INTO public.sources (id, name) OVERRIDING SYSTEM VALUE VALUES (2, 'peppered');
INSERT INTO public.sources (id, name) OVERRIDING SYSTEM VALUE VALUES (3, 'costly');
INSERT INTO public.sources (id, name) OVERRIDING SYSTEM VALUE VALUES (4, 'ldap');
INSERT INTO public.sources (id, name) OVERRIDING SYSTEM VALUE VALUES (5, 'crm');

INSERT INTO public.unreadable_events (digest, channel, delivery_id, fault, body, received_at) VALUES ('\xfa7d65793d3cd9ce257899d314d6fbde1267f052918acde90ef696a4eb1d945a', 'hook', NULL, 'not_json', '\x74686973206973206e6f204a534f4e', '2026-11-29 23:09:33.530136+00');

SELECT pg_catalog.setval('public.accounts_id_seq', 28, true);

SELECT pg_catalog.setval('public.audit_id_seq', 14, true);

SELECT pg_catalog.setval('public.recipes_id_seq', 12, true);

SELECT pg_catalog.setval('public.sources_id_seq', 5, true);

ALTER TABLE ONLY public.accounts
    ADD CONSTRAINT accounts_id_armed_key UNIQUE (id, armed);

ALTER TABLE ONLY public.accounts
    ADD CONSTRAINT accounts_login_key_key UNIQUE (login_key);

ALTER TABLE ONLY public.accounts
    ADD CONSTRAINT accounts_okta_id_key UNIQUE (okta_id);

ALTER TABLE ONLY public.accounts
    ADD CONSTRAINT accounts_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);

ALTER TABLE ONLY public.audit
    ADD CONSTRAINT audit_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.deleted_logins
    ADD CONSTRAINT deleted_logins_pkey PRIMARY KEY (digest);

ALTER TABLE ONLY public.failures
    ADD CONSTRAINT failures_pkey PRIMARY KEY (subject);

ALTER TABLE ONLY public.hashes
    ADD CONSTRAINT hashes_pkey PRIMARY KEY (account_id, source_id);

ALTER TABLE ONLY public.identifiers
    ADD CONSTRAINT identifiers_pkey PRIMARY KEY (account_id, identifier_key);

ALTER TABLE ONLY public.import_events
    ADD CONSTRAINT import_events_pkey PRIMARY KEY (uuid);

ALTER TABLE ONLY public.installation
    ADD CONSTRAINT installation_pkey PRIMARY KEY (name);

ALTER TABLE ONLY public.leases
    ADD CONSTRAINT leases_pkey PRIMARY KEY (name);

ALTER TABLE ONLY public.log_cursors
    ADD CONSTRAINT log_cursors_pkey PRIMARY KEY (org);

ALTER TABLE ONLY public.provisionings
    ADD CONSTRAINT provisionings_pkey PRIMARY KEY (account_id);

ALTER TABLE ONLY public.recipes
    ADD CONSTRAINT recipes_format_parameters_cost_key UNIQUE (format, parameters, cost);

ALTER TABLE ONLY public.recipes
    ADD CONSTRAINT recipes_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.sources
    ADD CONSTRAINT sources_name_key UNIQUE (name);

ALTER TABLE ONLY public.sources
    ADD CONSTRAINT sources_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.unreadable_events
    ADD CONSTRAINT unreadable_events_pkey PRIMARY KEY (digest);

CREATE INDEX accounts_local_part_idx ON public.accounts USING btree (local_part);

CREATE INDEX audit_account_id_idx ON public.audit USING btree (account_id);

CREATE INDEX audit_at_idx ON public.audit USING brin (at);

CREATE INDEX audit_code_idx ON public.audit USING btree (code) WHERE (code IS NOT NULL);

CREATE INDEX hashes_key_id_idx ON public.hashes USING btree (key_id) WHERE (key_id IS NOT NULL);

CREATE INDEX identifiers_identifier_key_idx ON public.identifiers USING btree (identifier_key);

CREATE INDEX import_events_account_id_idx ON public.import_events USING btree (account_id);

CREATE INDEX import_events_received_at_idx ON public.import_events USING btree (received_at);

CREATE INDEX import_events_unmatched_login_idx ON public.import_events USING btree (login_key) WHERE (effect = 'unmatched'::text);

CREATE INDEX import_events_unmatched_user_idx ON public.import_events USING btree (okta_user_id) WHERE (effect = 'unmatched'::text);

CREATE INDEX provisionings_open_idx ON public.provisionings USING btree (account_id) WHERE (outcome = ANY (ARRAY['intended'::text, 'refused'::text]));

CREATE TRIGGER accounts_keep_tombstone BEFORE UPDATE OF state ON public.accounts FOR EACH ROW WHEN ((old.forgotten_at IS NOT NULL)) EXECUTE FUNCTION public.keep_tombstone();

CREATE TRIGGER audit_stays BEFORE UPDATE OR TRUNCATE ON public.audit FOR EACH STATEMENT EXECUTE FUNCTION public.keep_audit();

CREATE TRIGGER recipes_stay BEFORE DELETE OR TRUNCATE ON public.recipes FOR EACH STATEMENT EXECUTE FUNCTION public.keep_what_hashes_name();

CREATE TRIGGER sources_stay BEFORE DELETE OR TRUNCATE ON public.sources FOR EACH STATEMENT EXECUTE FUNCTION public.keep_what_hashes_name();

ALTER TABLE ONLY public.hashes
    ADD CONSTRAINT hashes_armed_account_fkey FOREIGN KEY (account_id, armed) REFERENCES public.accounts(id, armed);

ALTER TABLE ONLY public.identifiers
    ADD CONSTRAINT identifiers_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.accounts(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.provisionings
    ADD CONSTRAINT provisionings_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.accounts(id) ON DELETE CASCADE;


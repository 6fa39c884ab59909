-- The foundation: who may hold tokens, what was issued, what was revoked.
-- Times come in as parameters; every constraint has a name, so that a violation is a precise error.

CREATE TABLE counter (
    id bigint NOT NULL CONSTRAINT counter_pk PRIMARY KEY CONSTRAINT counter_one CHECK (id = 1),
    epoch bigint NOT NULL,
    seq bigint NOT NULL,
    tip bytea NOT NULL,
    longest_access_seconds bigint NOT NULL
);

CREATE TABLE issuer (
    id bigint NOT NULL CONSTRAINT issuer_pk PRIMARY KEY CONSTRAINT issuer_one CHECK (id = 1),
    database_id uuid NOT NULL,
    revoked_seq bigint NOT NULL,
    created_at timestamptz NOT NULL
);

CREATE TABLE sealing_key (
    id bytea NOT NULL CONSTRAINT sealing_key_pk PRIMARY KEY,
    check_value bytea NOT NULL,
    created_at timestamptz NOT NULL
);

CREATE TABLE signing_key (
    kid text NOT NULL CONSTRAINT signing_key_pk PRIMARY KEY,
    alg text NOT NULL,
    ordinal bigint NOT NULL,
    sealing_key_id bytea NOT NULL CONSTRAINT signing_key_sealing_key_fk REFERENCES sealing_key (id),
    sealed bytea NOT NULL,
    public_jwk jsonb NOT NULL,
    announced_at timestamptz NOT NULL,
    signs_from timestamptz NOT NULL,
    signs_until timestamptz NOT NULL,
    gone_at timestamptz NOT NULL,
    revoked_at timestamptz,
    CONSTRAINT signing_key_ordinal UNIQUE (alg, ordinal)
);

CREATE TABLE resource (
    id uuid NOT NULL CONSTRAINT resource_pk PRIMARY KEY,
    uri text NOT NULL CONSTRAINT resource_uri UNIQUE,
    name text NOT NULL,
    scopes jsonb NOT NULL,
    access_token_seconds bigint,
    retired_at timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);

CREATE TABLE client (
    id uuid NOT NULL CONSTRAINT client_pk PRIMARY KEY,
    name text NOT NULL,
    profile text NOT NULL,
    auth_method text NOT NULL,
    redirect_uris jsonb NOT NULL,
    post_logout_redirect_uris jsonb NOT NULL,
    origins jsonb NOT NULL,
    grants jsonb NOT NULL,
    scopes text NOT NULL,
    resources jsonb NOT NULL,
    consent text NOT NULL,
    retry_window_seconds bigint,
    outlives_session boolean NOT NULL,
    id_token_claims boolean NOT NULL,
    pkce_optional boolean NOT NULL,
    policy_uri text,
    tos_uri text,
    version bigint NOT NULL,
    disabled_at timestamptz,
    deleted_at timestamptz,
    revoked_seq bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);

CREATE TABLE client_secret (
    id uuid NOT NULL CONSTRAINT client_secret_pk PRIMARY KEY,
    client_id uuid NOT NULL CONSTRAINT client_secret_client_fk REFERENCES client (id),
    digest bytea NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz
);
CREATE INDEX client_secret_client ON client_secret (client_id);

CREATE TABLE users (
    id uuid NOT NULL CONSTRAINT users_pk PRIMARY KEY,
    sub uuid NOT NULL CONSTRAINT users_sub UNIQUE,
    username text NOT NULL,
    username_key text NOT NULL CONSTRAINT users_username_key UNIQUE,
    email text,
    email_key text CONSTRAINT users_email_key UNIQUE,
    email_verified boolean NOT NULL,
    name text,
    given_name text,
    family_name text,
    groups jsonb NOT NULL,
    disabled_at timestamptz,
    deleted_at timestamptz,
    revoked_seq bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);

CREATE TABLE password (
    user_id uuid NOT NULL CONSTRAINT password_pk PRIMARY KEY CONSTRAINT password_user_fk REFERENCES users (id),
    hash text NOT NULL,
    changed_at timestamptz NOT NULL
);

CREATE TABLE grants (
    id uuid NOT NULL CONSTRAINT grants_pk PRIMARY KEY,
    user_id uuid NOT NULL CONSTRAINT grants_user_fk REFERENCES users (id),
    client_id uuid NOT NULL CONSTRAINT grants_client_fk REFERENCES client (id),
    scopes text NOT NULL,
    consented_at timestamptz,
    consented_seq bigint NOT NULL,
    revoked_seq bigint NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT grants_user_client UNIQUE (user_id, client_id)
);
CREATE INDEX grants_client ON grants (client_id);

CREATE TABLE session (
    id uuid NOT NULL CONSTRAINT session_pk PRIMARY KEY,
    secret_digest bytea NOT NULL CONSTRAINT session_secret UNIQUE,
    user_id uuid NOT NULL CONSTRAINT session_user_fk REFERENCES users (id),
    born_seq bigint NOT NULL,
    proofs jsonb NOT NULL,
    auth_time timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    last_used_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    address text,
    user_agent text,
    ended_at timestamptz,
    revoked_seq bigint NOT NULL
);
CREATE INDEX session_by_user ON session (user_id);
CREATE INDEX session_expiry ON session (expires_at);

CREATE TABLE interaction (
    id uuid NOT NULL CONSTRAINT interaction_pk PRIMARY KEY,
    browser_digest bytea NOT NULL,
    client_id uuid NOT NULL CONSTRAINT interaction_client_fk REFERENCES client (id),
    request jsonb NOT NULL,
    step text NOT NULL,
    version bigint NOT NULL,
    session_id uuid,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    finished_at timestamptz
);
CREATE INDEX interaction_expiry ON interaction (expires_at);

CREATE TABLE code (
    digest bytea NOT NULL CONSTRAINT code_pk PRIMARY KEY,
    family_id uuid NOT NULL CONSTRAINT code_family UNIQUE,
    client_id uuid NOT NULL CONSTRAINT code_client_fk REFERENCES client (id),
    user_id uuid NOT NULL CONSTRAINT code_user_fk REFERENCES users (id),
    grant_id uuid NOT NULL CONSTRAINT code_grant_fk REFERENCES grants (id),
    session_id uuid NOT NULL CONSTRAINT code_session_fk REFERENCES session (id),
    born_seq bigint NOT NULL,
    redirect_uri text,
    challenge text,
    nonce text,
    scopes text NOT NULL,
    resources jsonb NOT NULL,
    acr text NOT NULL,
    amr jsonb NOT NULL,
    auth_time timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    spent_at timestamptz,
    burnt_at timestamptz
);
CREATE INDEX code_expiry ON code (expires_at);
CREATE INDEX code_session ON code (session_id);

CREATE TABLE family (
    id uuid NOT NULL CONSTRAINT family_pk PRIMARY KEY,
    client_id uuid NOT NULL CONSTRAINT family_client_fk REFERENCES client (id),
    user_id uuid NOT NULL CONSTRAINT family_user_fk REFERENCES users (id),
    grant_id uuid NOT NULL CONSTRAINT family_grant_fk REFERENCES grants (id),
    session_id uuid NOT NULL CONSTRAINT family_session_fk REFERENCES session (id),
    outlives_session boolean NOT NULL,
    born_seq bigint NOT NULL,
    secret_digest bytea,
    generation bigint NOT NULL,
    ordinal bigint NOT NULL,
    contended bigint NOT NULL DEFAULT 0,
    contended_generation bigint NOT NULL DEFAULT -1,
    scopes text NOT NULL,
    resources jsonb NOT NULL,
    acr text NOT NULL,
    amr jsonb NOT NULL,
    auth_time timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    rotated_at timestamptz NOT NULL,
    last_used_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    network text,
    user_agent text,
    ended_at timestamptz,
    end_reason text,
    revoked_seq bigint NOT NULL
);
CREATE INDEX family_session ON family (session_id);
CREATE INDEX family_user ON family (user_id);
CREATE INDEX family_client ON family (client_id);
CREATE INDEX family_grant ON family (grant_id);
CREATE INDEX family_expiry ON family (expires_at);
CREATE INDEX family_ended ON family (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE lineage (
    family_id uuid NOT NULL CONSTRAINT lineage_family_fk REFERENCES family (id),
    ordinal bigint NOT NULL,
    generation bigint NOT NULL,
    jti uuid NOT NULL,
    at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    rev_seq bigint NOT NULL,
    address text,
    user_agent text,
    scopes text NOT NULL,
    audience text NOT NULL,
    retries bigint NOT NULL,
    CONSTRAINT lineage_pk PRIMARY KEY (family_id, ordinal)
);
CREATE INDEX lineage_jti ON lineage (jti);

CREATE TABLE lineage_retry (
    family_id uuid NOT NULL CONSTRAINT lineage_retry_family_fk REFERENCES family (id),
    ordinal bigint NOT NULL,
    number bigint NOT NULL,
    jti uuid NOT NULL,
    at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    address text,
    user_agent text,
    CONSTRAINT lineage_retry_pk PRIMARY KEY (family_id, ordinal, number)
);
CREATE INDEX lineage_retry_jti ON lineage_retry (jti);

CREATE TABLE revocation (
    seq bigint NOT NULL CONSTRAINT revocation_pk PRIMARY KEY,
    tip bytea NOT NULL,
    at timestamptz NOT NULL,
    kind text NOT NULL,
    value text NOT NULL,
    reach text NOT NULL,
    until timestamptz NOT NULL,
    reason text NOT NULL,
    actor text NOT NULL
);
CREATE INDEX revocation_value ON revocation (kind, value);
CREATE INDEX revocation_until ON revocation (until);

CREATE TABLE audit (
    id uuid NOT NULL CONSTRAINT audit_pk PRIMARY KEY,
    at timestamptz NOT NULL,
    event text NOT NULL,
    outcome text NOT NULL,
    actor text NOT NULL,
    user_id uuid,
    client_id uuid,
    session_id uuid,
    family_id uuid,
    address text,
    user_agent text,
    request_id uuid,
    detail jsonb NOT NULL
);
CREATE INDEX audit_at ON audit (at);

CREATE TABLE throttle (
    key text NOT NULL CONSTRAINT throttle_pk PRIMARY KEY,
    charged bigint NOT NULL,
    since timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX throttle_expiry ON throttle (expires_at);

-- The foundation: who may hold tokens, what was issued, what was revoked.
-- Times come in as parameters; every constraint has a name, so that a violation is a precise error.

CREATE TABLE counter (
    id INTEGER NOT NULL CONSTRAINT counter_pk PRIMARY KEY CONSTRAINT counter_one CHECK (id = 1),
    epoch INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    tip BLOB NOT NULL,
    longest_access_seconds INTEGER NOT NULL
);

CREATE TABLE issuer (
    id INTEGER NOT NULL CONSTRAINT issuer_pk PRIMARY KEY CONSTRAINT issuer_one CHECK (id = 1),
    database_id BLOB NOT NULL,
    revoked_seq INTEGER NOT NULL,
    created_at TEXT NOT NULL
);

CREATE TABLE sealing_key (
    id BLOB NOT NULL CONSTRAINT sealing_key_pk PRIMARY KEY,
    check_value BLOB NOT NULL,
    created_at TEXT NOT NULL
);

CREATE TABLE signing_key (
    kid TEXT NOT NULL CONSTRAINT signing_key_pk PRIMARY KEY,
    alg TEXT NOT NULL,
    ordinal INTEGER NOT NULL,
    sealing_key_id BLOB NOT NULL CONSTRAINT signing_key_sealing_key_fk REFERENCES sealing_key (id),
    sealed BLOB NOT NULL,
    public_jwk TEXT NOT NULL,
    announced_at TEXT NOT NULL,
    signs_from TEXT NOT NULL,
    signs_until TEXT NOT NULL,
    gone_at TEXT NOT NULL,
    revoked_at TEXT,
    CONSTRAINT signing_key_ordinal UNIQUE (alg, ordinal)
);

CREATE TABLE resource (
    id BLOB NOT NULL CONSTRAINT resource_pk PRIMARY KEY,
    uri TEXT NOT NULL CONSTRAINT resource_uri UNIQUE,
    name TEXT NOT NULL,
    scopes TEXT NOT NULL,
    access_token_seconds INTEGER,
    retired_at TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
);

CREATE TABLE client (
    id BLOB NOT NULL CONSTRAINT client_pk PRIMARY KEY,
    name TEXT NOT NULL,
    profile TEXT NOT NULL,
    auth_method TEXT NOT NULL,
    redirect_uris TEXT NOT NULL,
    post_logout_redirect_uris TEXT NOT NULL,
    origins TEXT NOT NULL,
    grants TEXT NOT NULL,
    scopes TEXT NOT NULL,
    resources TEXT NOT NULL,
    consent TEXT NOT NULL,
    retry_window_seconds INTEGER,
    outlives_session BOOLEAN NOT NULL,
    id_token_claims BOOLEAN NOT NULL,
    pkce_optional BOOLEAN NOT NULL,
    policy_uri TEXT,
    tos_uri TEXT,
    version INTEGER NOT NULL,
    disabled_at TEXT,
    deleted_at TEXT,
    revoked_seq INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
);

CREATE TABLE client_secret (
    id BLOB NOT NULL CONSTRAINT client_secret_pk PRIMARY KEY,
    client_id BLOB NOT NULL CONSTRAINT client_secret_client_fk REFERENCES client (id),
    digest BLOB NOT NULL,
    created_at TEXT NOT NULL,
    expires_at TEXT
);
CREATE INDEX client_secret_client ON client_secret (client_id);

CREATE TABLE users (
    id BLOB NOT NULL CONSTRAINT users_pk PRIMARY KEY,
    sub BLOB NOT NULL CONSTRAINT users_sub UNIQUE,
    username TEXT NOT NULL,
    username_key TEXT NOT NULL CONSTRAINT users_username_key UNIQUE,
    email TEXT,
    email_key TEXT CONSTRAINT users_email_key UNIQUE,
    email_verified BOOLEAN NOT NULL,
    name TEXT,
    given_name TEXT,
    family_name TEXT,
    groups TEXT NOT NULL,
    disabled_at TEXT,
    deleted_at TEXT,
    revoked_seq INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
);

CREATE TABLE password (
    user_id BLOB NOT NULL CONSTRAINT password_pk PRIMARY KEY CONSTRAINT password_user_fk REFERENCES users (id),
    hash TEXT NOT NULL,
    changed_at TEXT NOT NULL
);

CREATE TABLE grants (
    id BLOB NOT NULL CONSTRAINT grants_pk PRIMARY KEY,
    user_id BLOB NOT NULL CONSTRAINT grants_user_fk REFERENCES users (id),
    client_id BLOB NOT NULL CONSTRAINT grants_client_fk REFERENCES client (id),
    scopes TEXT NOT NULL,
    consented_at TEXT,
    consented_seq INTEGER NOT NULL,
    revoked_seq INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    CONSTRAINT grants_user_client UNIQUE (user_id, client_id)
);
CREATE INDEX grants_client ON grants (client_id);

CREATE TABLE session (
    id BLOB NOT NULL CONSTRAINT session_pk PRIMARY KEY,
    secret_digest BLOB NOT NULL CONSTRAINT session_secret UNIQUE,
    user_id BLOB NOT NULL CONSTRAINT session_user_fk REFERENCES users (id),
    born_seq INTEGER NOT NULL,
    proofs TEXT NOT NULL,
    auth_time TEXT NOT NULL,
    created_at TEXT NOT NULL,
    last_used_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    address TEXT,
    user_agent TEXT,
    ended_at TEXT,
    revoked_seq INTEGER NOT NULL
);
CREATE INDEX session_by_user ON session (user_id);
CREATE INDEX session_expiry ON session (expires_at);

CREATE TABLE interaction (
    id BLOB NOT NULL CONSTRAINT interaction_pk PRIMARY KEY,
    browser_digest BLOB NOT NULL,
    client_id BLOB NOT NULL CONSTRAINT interaction_client_fk REFERENCES client (id),
    request TEXT NOT NULL,
    step TEXT NOT NULL,
    version INTEGER NOT NULL,
    session_id BLOB,
    created_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    finished_at TEXT
);
CREATE INDEX interaction_expiry ON interaction (expires_at);

CREATE TABLE code (
    digest BLOB NOT NULL CONSTRAINT code_pk PRIMARY KEY,
    family_id BLOB NOT NULL CONSTRAINT code_family UNIQUE,
    client_id BLOB NOT NULL CONSTRAINT code_client_fk REFERENCES client (id),
    user_id BLOB NOT NULL CONSTRAINT code_user_fk REFERENCES users (id),
    grant_id BLOB NOT NULL CONSTRAINT code_grant_fk REFERENCES grants (id),
    session_id BLOB NOT NULL CONSTRAINT code_session_fk REFERENCES session (id),
    born_seq INTEGER NOT NULL,
    redirect_uri TEXT,
    challenge TEXT,
    nonce TEXT,
    scopes TEXT NOT NULL,
    resources TEXT NOT NULL,
    acr TEXT NOT NULL,
    amr TEXT NOT NULL,
    auth_time TEXT NOT NULL,
    created_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    spent_at TEXT,
    burnt_at TEXT
);
CREATE INDEX code_expiry ON code (expires_at);
CREATE INDEX code_session ON code (session_id);

CREATE TABLE family (
    id BLOB NOT NULL CONSTRAINT family_pk PRIMARY KEY,
    client_id BLOB NOT NULL CONSTRAINT family_client_fk REFERENCES client (id),
    user_id BLOB NOT NULL CONSTRAINT family_user_fk REFERENCES users (id),
    grant_id BLOB NOT NULL CONSTRAINT family_grant_fk REFERENCES grants (id),
    session_id BLOB NOT NULL CONSTRAINT family_session_fk REFERENCES session (id),
    outlives_session BOOLEAN NOT NULL,
    born_seq INTEGER NOT NULL,
    secret_digest BLOB,
    generation INTEGER NOT NULL,
    ordinal INTEGER NOT NULL,
    contended INTEGER NOT NULL DEFAULT 0,
    contended_generation INTEGER NOT NULL DEFAULT -1,
    scopes TEXT NOT NULL,
    resources TEXT NOT NULL,
    acr TEXT NOT NULL,
    amr TEXT NOT NULL,
    auth_time TEXT NOT NULL,
    created_at TEXT NOT NULL,
    rotated_at TEXT NOT NULL,
    last_used_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    network TEXT,
    user_agent TEXT,
    ended_at TEXT,
    end_reason TEXT,
    revoked_seq INTEGER NOT NULL
);
CREATE INDEX family_session ON family (session_id);
CREATE INDEX family_user ON family (user_id);
CREATE INDEX family_client ON family (client_id);
CREATE INDEX family_grant ON family (grant_id);
CREATE INDEX family_expiry ON family (expires_at);
CREATE INDEX family_ended ON family (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE lineage (
    family_id BLOB NOT NULL CONSTRAINT lineage_family_fk REFERENCES family (id),
    ordinal INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    jti BLOB NOT NULL,
    at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    rev_seq INTEGER NOT NULL,
    address TEXT,
    user_agent TEXT,
    scopes TEXT NOT NULL,
    audience TEXT NOT NULL,
    retries INTEGER NOT NULL,
    CONSTRAINT lineage_pk PRIMARY KEY (family_id, ordinal)
);
CREATE INDEX lineage_jti ON lineage (jti);

CREATE TABLE lineage_retry (
    family_id BLOB NOT NULL CONSTRAINT lineage_retry_family_fk REFERENCES family (id),
    ordinal INTEGER NOT NULL,
    number INTEGER NOT NULL,
    jti BLOB NOT NULL,
    at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    address TEXT,
    user_agent TEXT,
    CONSTRAINT lineage_retry_pk PRIMARY KEY (family_id, ordinal, number)
);
CREATE INDEX lineage_retry_jti ON lineage_retry (jti);

CREATE TABLE revocation (
    seq INTEGER NOT NULL CONSTRAINT revocation_pk PRIMARY KEY,
    tip BLOB NOT NULL,
    at TEXT NOT NULL,
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    reach TEXT NOT NULL,
    until TEXT NOT NULL,
    reason TEXT NOT NULL,
    actor TEXT NOT NULL
);
CREATE INDEX revocation_value ON revocation (kind, value);
CREATE INDEX revocation_until ON revocation (until);

CREATE TABLE audit (
    id BLOB NOT NULL CONSTRAINT audit_pk PRIMARY KEY,
    at TEXT NOT NULL,
    event TEXT NOT NULL,
    outcome TEXT NOT NULL,
    actor TEXT NOT NULL,
    user_id BLOB,
    client_id BLOB,
    session_id BLOB,
    family_id BLOB,
    address TEXT,
    user_agent TEXT,
    request_id BLOB,
    detail TEXT NOT NULL
);
CREATE INDEX audit_at ON audit (at);

CREATE TABLE throttle (
    key TEXT NOT NULL CONSTRAINT throttle_pk PRIMARY KEY,
    charged INTEGER NOT NULL,
    since TEXT NOT NULL,
    last_at TEXT NOT NULL,
    expires_at TEXT NOT NULL
);
CREATE INDEX throttle_expiry ON throttle (expires_at);

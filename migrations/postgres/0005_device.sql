-- Device authorization (RFC 8628): what a device asked for, who allowed it in which browser, and the family it became. Neither of
-- the two codes stands here: the device's as a digest, the user's under a key of this server, and only until it was answered.

CREATE TABLE device_code (
    digest bytea NOT NULL CONSTRAINT device_code_pk PRIMARY KEY,
    user_code bytea CONSTRAINT device_code_user_code UNIQUE,
    family_id uuid NOT NULL CONSTRAINT device_code_family UNIQUE,
    client_id uuid NOT NULL CONSTRAINT device_code_client_fk REFERENCES client (id),
    born_seq bigint NOT NULL,
    scopes text NOT NULL,
    resources jsonb NOT NULL,
    address text,
    user_agent text,
    interval_seconds bigint NOT NULL,
    polls bigint NOT NULL,
    polled_at timestamptz,
    claimed_by bytea,
    user_id uuid CONSTRAINT device_code_user_fk REFERENCES users (id),
    grant_id uuid CONSTRAINT device_code_grant_fk REFERENCES grants (id),
    session_id uuid CONSTRAINT device_code_session_fk REFERENCES session (id),
    acr text,
    amr jsonb,
    auth_time timestamptz,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    approved_at timestamptz,
    denied_at timestamptz,
    spent_at timestamptz
);
CREATE INDEX device_code_expiry ON device_code (expires_at);
CREATE INDEX device_code_client ON device_code (client_id, expires_at);
CREATE INDEX device_code_session ON device_code (session_id);

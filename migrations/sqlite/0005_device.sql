-- Device authorization (RFC 8628): what a device asked for, who allowed it in which browser, and the family it became. Neither of
-- the two codes stands here: the device's as a digest, the user's under a key of this server, and only until it was answered.

CREATE TABLE device_code (
    digest BLOB NOT NULL CONSTRAINT device_code_pk PRIMARY KEY,
    user_code BLOB CONSTRAINT device_code_user_code UNIQUE,
    family_id BLOB NOT NULL CONSTRAINT device_code_family UNIQUE,
    client_id BLOB NOT NULL CONSTRAINT device_code_client_fk REFERENCES client (id),
    born_seq INTEGER NOT NULL,
    scopes TEXT NOT NULL,
    resources TEXT NOT NULL,
    address TEXT,
    user_agent TEXT,
    interval_seconds INTEGER NOT NULL,
    polls INTEGER NOT NULL,
    polled_at TEXT,
    claimed_by BLOB,
    user_id BLOB CONSTRAINT device_code_user_fk REFERENCES users (id),
    grant_id BLOB CONSTRAINT device_code_grant_fk REFERENCES grants (id),
    session_id BLOB CONSTRAINT device_code_session_fk REFERENCES session (id),
    acr TEXT,
    amr TEXT,
    auth_time TEXT,
    created_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    approved_at TEXT,
    denied_at TEXT,
    spent_at TEXT
);
CREATE INDEX device_code_expiry ON device_code (expires_at);
CREATE INDEX device_code_client ON device_code (client_id, expires_at);
CREATE INDEX device_code_session ON device_code (session_id);

-- How a client came to be registered (RFC 7591), what it manages its registration with (RFC 7592), and, of one that is a metadata
-- document, where that is and how long what was read of it holds.

ALTER TABLE client ADD COLUMN source TEXT NOT NULL DEFAULT 'admin';
ALTER TABLE client ADD COLUMN document TEXT;
ALTER TABLE client ADD COLUMN document_until TEXT;
ALTER TABLE client ADD COLUMN last_used_at TEXT;
CREATE UNIQUE INDEX client_document ON client (document);
CREATE INDEX client_source ON client (source, created_at) WHERE source <> 'admin';

CREATE TABLE initial_token (
    id BLOB NOT NULL CONSTRAINT initial_token_pk PRIMARY KEY,
    digest BLOB NOT NULL CONSTRAINT initial_token_digest UNIQUE,
    name TEXT NOT NULL,
    terms TEXT NOT NULL,
    uses INTEGER NOT NULL,
    uses_left INTEGER NOT NULL,
    born_seq INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    revoked_at TEXT
);

CREATE TABLE registration (
    client_id BLOB NOT NULL CONSTRAINT registration_pk PRIMARY KEY CONSTRAINT registration_client_fk REFERENCES client (id),
    digest BLOB NOT NULL CONSTRAINT registration_digest UNIQUE,
    initial_token_id BLOB CONSTRAINT registration_initial_token_fk REFERENCES initial_token (id),
    created_at TEXT NOT NULL
);

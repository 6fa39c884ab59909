-- How a client came to be registered (RFC 7591), what it manages its registration with (RFC 7592), and, of one that is a metadata
-- document, where that is and how long what was read of it holds.

ALTER TABLE client ADD COLUMN source text NOT NULL DEFAULT 'admin';
ALTER TABLE client ADD COLUMN document text;
ALTER TABLE client ADD COLUMN document_until timestamptz;
ALTER TABLE client ADD COLUMN last_used_at timestamptz;
CREATE UNIQUE INDEX client_document ON client (document);
CREATE INDEX client_source ON client (source, created_at) WHERE source <> 'admin';

CREATE TABLE initial_token (
    id uuid NOT NULL CONSTRAINT initial_token_pk PRIMARY KEY,
    digest bytea NOT NULL CONSTRAINT initial_token_digest UNIQUE,
    name text NOT NULL,
    terms jsonb NOT NULL,
    uses bigint NOT NULL,
    uses_left bigint NOT NULL,
    born_seq bigint NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz
);

CREATE TABLE registration (
    client_id uuid NOT NULL CONSTRAINT registration_pk PRIMARY KEY CONSTRAINT registration_client_fk REFERENCES client (id),
    digest bytea NOT NULL CONSTRAINT registration_digest UNIQUE,
    initial_token_id uuid CONSTRAINT registration_initial_token_fk REFERENCES initial_token (id),
    created_at timestamptz NOT NULL
);

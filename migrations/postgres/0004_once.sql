-- What may be presented once: the `jti` of a client's assertion (RFC 7523 section 3) by purpose and client, as a digest, until it has
-- expired. No foreign key: a client's row is never removed, and its writers must not be waited for here.

CREATE TABLE jti (
    purpose text NOT NULL,
    client_id uuid NOT NULL,
    digest bytea NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT jti_pk PRIMARY KEY (purpose, client_id, digest)
);
CREATE INDEX jti_expiry ON jti (expires_at);

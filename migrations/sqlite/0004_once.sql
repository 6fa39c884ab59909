-- What may be presented once: the `jti` of a client's assertion (RFC 7523 section 3) by purpose and client, as a digest, until it has
-- expired. No foreign key: a client's row is never removed, and its writers must not be waited for here.

CREATE TABLE jti (
    purpose TEXT NOT NULL,
    client_id BLOB NOT NULL,
    digest BLOB NOT NULL,
    expires_at TEXT NOT NULL,
    CONSTRAINT jti_pk PRIMARY KEY (purpose, client_id, digest)
);
CREATE INDEX jti_expiry ON jti (expires_at);

-- What a registration says beyond what every client says (RFC 7591 section 2): one document, since nothing in it is judged by SQL.

ALTER TABLE client ADD COLUMN metadata jsonb NOT NULL DEFAULT '{}';

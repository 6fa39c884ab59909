-- What is told of users (OpenID Connect Core 5.1): each thing in a column of its own, so that a person can be erased. The
-- attributes are the operator's own: texts, lists of texts, numbers, booleans, by name; claims of clients and resources tell them.

ALTER TABLE users ADD COLUMN middle_name text;
ALTER TABLE users ADD COLUMN nickname text;
ALTER TABLE users ADD COLUMN profile text;
ALTER TABLE users ADD COLUMN picture text;
ALTER TABLE users ADD COLUMN website text;
ALTER TABLE users ADD COLUMN gender text;
ALTER TABLE users ADD COLUMN birthdate text;
ALTER TABLE users ADD COLUMN zoneinfo text;
ALTER TABLE users ADD COLUMN locale text;
ALTER TABLE users ADD COLUMN phone_number text;
ALTER TABLE users ADD COLUMN phone_number_verified boolean NOT NULL DEFAULT false;
ALTER TABLE users ADD COLUMN address_formatted text;
ALTER TABLE users ADD COLUMN address_street text;
ALTER TABLE users ADD COLUMN address_locality text;
ALTER TABLE users ADD COLUMN address_region text;
ALTER TABLE users ADD COLUMN address_postal_code text;
ALTER TABLE users ADD COLUMN address_country text;
ALTER TABLE users ADD COLUMN attributes jsonb NOT NULL DEFAULT '{}';

-- Claims of a resource's own, by name: each the user attribute that its access tokens tell.
ALTER TABLE resource ADD COLUMN claims jsonb NOT NULL DEFAULT '{}';

-- Pairwise subjects (OpenID Connect Core 8.1): what the clients of a sector know a user by. Drawn at random, so that they outlive
-- every key, and nobody can compute one from another. A row stays as long as the user's: the revocation log names its subject.
CREATE TABLE pairwise (
    user_id uuid NOT NULL CONSTRAINT pairwise_user_fk REFERENCES users (id),
    sector text NOT NULL,
    sub uuid NOT NULL CONSTRAINT pairwise_sub UNIQUE,
    created_at timestamptz NOT NULL,
    CONSTRAINT pairwise_pk PRIMARY KEY (user_id, sector)
);

-- The pairwise subject that the client of a grant knows its user by; null: the user's own.
ALTER TABLE grants ADD COLUMN sub uuid;

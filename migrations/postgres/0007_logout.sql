-- The outbox of back-channel logout: what has ended (one row for each kill, written with it), and what is told to whom of it.

CREATE TABLE logout (
    id uuid NOT NULL CONSTRAINT logout_pk PRIMARY KEY,
    kind text NOT NULL,
    owner_id uuid,
    at timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    told_up_to uuid NOT NULL
);
CREATE INDEX logout_due ON logout (due_at);

CREATE TABLE logout_notice (
    id uuid NOT NULL CONSTRAINT logout_notice_pk PRIMARY KEY,
    client_id uuid NOT NULL CONSTRAINT logout_notice_client_fk REFERENCES client (id),
    session_id uuid NOT NULL,
    user_id uuid NOT NULL CONSTRAINT logout_notice_user_fk REFERENCES users (id),
    ended_at timestamptz NOT NULL,
    attempts bigint NOT NULL,
    due_at timestamptz NOT NULL,
    said text,
    outcome text,
    done_at timestamptz,
    CONSTRAINT logout_notice_once UNIQUE (session_id, client_id)
);
CREATE INDEX logout_notice_due ON logout_notice (client_id, due_at) WHERE done_at IS NULL;
CREATE INDEX logout_notice_of_client ON logout_notice (client_id, ended_at);
CREATE INDEX logout_notice_done ON logout_notice (done_at) WHERE done_at IS NOT NULL;

-- The outbox of back-channel logout: what has ended (one row for each kill, written with it), and what is told to whom of it.

CREATE TABLE logout (
    id BLOB NOT NULL CONSTRAINT logout_pk PRIMARY KEY,
    kind TEXT NOT NULL,
    owner_id BLOB,
    at TEXT NOT NULL,
    due_at TEXT NOT NULL,
    told_up_to BLOB NOT NULL
);
CREATE INDEX logout_due ON logout (due_at);

CREATE TABLE logout_notice (
    id BLOB NOT NULL CONSTRAINT logout_notice_pk PRIMARY KEY,
    client_id BLOB NOT NULL CONSTRAINT logout_notice_client_fk REFERENCES client (id),
    session_id BLOB NOT NULL,
    user_id BLOB NOT NULL CONSTRAINT logout_notice_user_fk REFERENCES users (id),
    ended_at TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    due_at TEXT NOT NULL,
    said TEXT,
    outcome TEXT,
    done_at TEXT,
    CONSTRAINT logout_notice_once UNIQUE (session_id, client_id)
);
CREATE INDEX logout_notice_due ON logout_notice (client_id, due_at) WHERE done_at IS NULL;
CREATE INDEX logout_notice_of_client ON logout_notice (client_id, ended_at);
CREATE INDEX logout_notice_done ON logout_notice (done_at) WHERE done_at IS NOT NULL;

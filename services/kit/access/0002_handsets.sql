-- Phones of crews, known by the hash of a key that lies in the phone alone.
CREATE TABLE access.handsets (
    handset_id  text PRIMARY KEY,
    label       text        NOT NULL,   -- what the operator calls it
    hash        text        NOT NULL UNIQUE,
    enrolled_at timestamptz NOT NULL DEFAULT now(),
    revoked_at  timestamptz
);
-- A code by which one phone is enrolled, once.
CREATE TABLE access.enrolments (
    hash    text PRIMARY KEY,
    label   text        NOT NULL,
    ends_at timestamptz NOT NULL,
    used_at timestamptz
);
-- Who was on which unit, by which phone, from when to when: what was done then is theirs, whenever
-- it is sent. Rows are never removed.
CREATE TABLE access.duties (
    duty_id    text PRIMARY KEY,
    handset_id text        NOT NULL REFERENCES access.handsets,
    unit_id    text        NOT NULL,
    name       text        NOT NULL,   -- a pseudonym, as in tokens
    began_at   timestamptz NOT NULL,
    ends_at    timestamptz NOT NULL,
    ended_at   timestamptz
);
CREATE INDEX duties_of_a_handset ON access.duties (handset_id, began_at);

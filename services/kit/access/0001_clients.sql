-- Keys of software clients, hashed. A revoked row stays, for the record.
CREATE TABLE access.clients (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name       text        NOT NULL,
    role       text        NOT NULL,
    facility   text,
    hash       text        NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz
);
CREATE UNIQUE INDEX one_valid_key ON access.clients (name) WHERE revoked_at IS NULL;

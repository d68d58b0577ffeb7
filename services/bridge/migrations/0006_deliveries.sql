-- What systems of hospitals are to be told, written with the effect it tells of. A channel of a
-- facility is told in the order of `seq`. A row is deleted once it was told; one that was refused for
-- good stays with the reason, for who runs it.
CREATE TABLE deliveries (
    seq           bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id            text        NOT NULL UNIQUE,
    facility_id   text        NOT NULL,
    channel       text        NOT NULL,
    encounter_id  text        NOT NULL,
    type          text        NOT NULL,
    event         json        NOT NULL,
    state         json        NOT NULL,   -- the case as of then
    created_at    timestamptz NOT NULL DEFAULT now(),
    attempts      int         NOT NULL DEFAULT 0,
    next_at       timestamptz NOT NULL DEFAULT now(),
    erring_since  timestamptz,            -- answered with errors since then
    refused_at    timestamptz,
    reason        text
);
CREATE INDEX deliveries_waiting ON deliveries (facility_id, channel, seq) WHERE refused_at IS NULL;

-- What every service that consumes or publishes has in its own schema.

-- The next offset to take, per partition. Moved in the transaction that has the effects, from
-- the value it is expected to have: a worker that finds another value has lost the partition.
CREATE TABLE positions (
    consumer  text   NOT NULL,
    topic     text   NOT NULL,
    partition int    NOT NULL,
    next      bigint NOT NULL,
    PRIMARY KEY (consumer, topic, partition)
);

-- Keys whose record failed for a reason nobody foresaw: their records go to the dead letters
-- until a human has looked.
CREATE TABLE set_aside (
    consumer text        NOT NULL,
    key      text        NOT NULL,
    since    timestamptz NOT NULL DEFAULT now(),
    reason   text        NOT NULL,
    PRIMARY KEY (consumer, key)
);

-- Messages on their way to the broker; a row is deleted after the broker's acknowledgement.
CREATE TABLE outbox (
    seq        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic      text        NOT NULL,
    key        bytea       NOT NULL,
    value      bytea       NOT NULL,
    headers    json        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
ALTER TABLE outbox SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

-- Aggregates as JSON, each with the version it was stored at.
CREATE TABLE incidents  (id text PRIMARY KEY, version bigint NOT NULL, state json NOT NULL);
CREATE TABLE encounters (id text PRIMARY KEY, version bigint NOT NULL, state json NOT NULL);
CREATE TABLE units      (id text PRIMARY KEY, version bigint NOT NULL, state json NOT NULL);

-- Every stamp of every leg, for the indicators. Rows are only ever added.
CREATE TABLE stamps (
    leg_id      text        NOT NULL,
    status      text        NOT NULL,
    source      text        NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (leg_id, status, source)
);
CREATE INDEX stamps_by_time ON stamps (status, occurred_at);

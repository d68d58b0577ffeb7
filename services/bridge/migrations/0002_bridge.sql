-- The bridge's view of each patient.
CREATE TABLE cases (id text PRIMARY KEY, version bigint NOT NULL, state json NOT NULL)
    WITH (fillfactor = 50);

-- What each facility's queue shows. `feed` is a counter per facility, raised in the transaction
-- that changes the item, so that what changed since a number can be read without gaps.
CREATE TABLE facilities (facility_id text PRIMARY KEY, feed bigint NOT NULL DEFAULT 0);
CREATE TABLE queue (
    facility_id  text   NOT NULL,
    encounter_id text   NOT NULL,
    feed         bigint NOT NULL,
    is_open      boolean NOT NULL,
    item         json   NOT NULL,
    PRIMARY KEY (facility_id, encounter_id)
);
CREATE INDEX queue_by_feed ON queue (facility_id, feed);

-- Admission numbers: a counter per day.
CREATE TABLE admission_numbers (day text PRIMARY KEY, last int NOT NULL);

-- The legal record: every admission, record and act, as sent. Rows are only ever added.
CREATE TABLE acts (
    event_id     text        NOT NULL,
    encounter_id text        NOT NULL,
    type         text        NOT NULL,
    occurred_at  timestamptz NOT NULL,
    recorded_at  timestamptz NOT NULL DEFAULT now(),
    event        json        NOT NULL,
    PRIMARY KEY (encounter_id, event_id)   -- a sender may use one id for two patients
);
CREATE INDEX acts_by_encounter ON acts (encounter_id, recorded_at);

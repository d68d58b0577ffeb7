-- Files of examinations, as a crew sends them: in pieces, over a line that breaks off. `greenchannel
-- apply` makes the schema.
CREATE TABLE files (
    encounter_id text        NOT NULL,
    sha256       text        NOT NULL,
    media_type   text        NOT NULL,
    size         integer     NOT NULL,
    received     integer     NOT NULL DEFAULT 0 CHECK (received BETWEEN 0 AND size),
    begun_at     timestamptz NOT NULL DEFAULT now(),
    whole_at     timestamptz,            -- its bytes are what was announced
    told_at      timestamptz,            -- the broker has it
    PRIMARY KEY (encounter_id, sha256)
);
CREATE INDEX files_to_tell ON files (whole_at) WHERE whole_at IS NOT NULL AND told_at IS NULL;
CREATE INDEX files_begun ON files (begun_at) WHERE whole_at IS NULL;
CREATE TABLE pieces (
    encounter_id text    NOT NULL,
    sha256       text    NOT NULL,
    start        integer NOT NULL,
    bytes        bytea   NOT NULL,
    PRIMARY KEY (encounter_id, sha256, start),
    FOREIGN KEY (encounter_id, sha256) REFERENCES files ON DELETE CASCADE
);
ALTER TABLE pieces ALTER COLUMN bytes SET STORAGE EXTERNAL;   -- pictures are compressed already

-- Who sees which: the gateway all; whoever answers to a facility those of the one patient that the
-- transaction names, once it has seen that the patient is bound for there; the observer none.
ALTER TABLE files ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE pieces ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY service ON files TO CURRENT_USER
    USING ((SELECT current_setting('greenchannel.acts_for', true) = 'service'));
CREATE POLICY service ON pieces TO CURRENT_USER
    USING ((SELECT current_setting('greenchannel.acts_for', true) = 'service'));
CREATE POLICY facility ON files FOR SELECT TO greenchannel_bridge_facility
    USING (encounter_id = current_setting('greenchannel.encounter', true));
CREATE POLICY facility ON pieces FOR SELECT TO greenchannel_bridge_facility
    USING (encounter_id = current_setting('greenchannel.encounter', true));
GRANT USAGE ON SCHEMA gateway TO greenchannel_bridge_facility;
GRANT SELECT ON files, pieces TO greenchannel_bridge_facility;

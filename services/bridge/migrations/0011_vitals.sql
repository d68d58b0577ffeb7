-- The vital signs that each facility was told of a patient, value by value: what a board draws. Rows
-- are only ever added. The legal record (acts) has the records themselves, but not each refresh.
CREATE TABLE vitals (
    facility_id  text        NOT NULL,
    encounter_id text        NOT NULL,
    name         text        NOT NULL,
    at           timestamptz NOT NULL,   -- when it was measured
    value        json        NOT NULL,
    method       text        NOT NULL,
    invalid      boolean     NOT NULL,   -- it cannot be true
    PRIMARY KEY (facility_id, encounter_id, name, at)
);

-- Whose they are (0005).
ALTER TABLE vitals ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY service ON vitals TO CURRENT_USER
    USING ((SELECT current_setting('greenchannel.acts_for', true) = 'service'));
CREATE POLICY observer ON vitals FOR SELECT TO greenchannel_observer USING (true);
CREATE POLICY facility ON vitals TO greenchannel_bridge_facility
    USING (facility_id = current_setting('greenchannel.facility', true));
GRANT SELECT, INSERT ON vitals TO greenchannel_bridge_facility;
REVOKE UPDATE, DELETE, TRUNCATE ON vitals FROM CURRENT_USER;

-- The beds of each facility that has said anything of them: one row, locked by whoever reserves.
CREATE TABLE beds (id text PRIMARY KEY, version bigint NOT NULL, state json NOT NULL)
    WITH (fillfactor = 50);

-- Whose they are (0005).
ALTER TABLE beds ADD COLUMN facility_id text GENERATED ALWAYS AS (id) STORED;
ALTER TABLE beds ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY service ON beds TO CURRENT_USER
    USING (current_setting('greenchannel.acts_for', true) = 'service');
CREATE POLICY observer ON beds FOR SELECT TO greenchannel_observer USING (true);
CREATE POLICY facility ON beds TO greenchannel_bridge_facility
    USING (facility_id = current_setting('greenchannel.facility', true));
GRANT SELECT, INSERT, UPDATE ON beds TO greenchannel_bridge_facility;

-- Who sees which row. A request of a facility works as greenchannel_bridge_facility, which
-- `greenchannel apply` makes, and finds the rows of the facility that its transaction names; named
-- none, it finds none. The service finds all, where its connection says that it acts for it: the
-- owner by itself finds nothing either.

-- Whose a state or an event is, is what it says itself: the two cannot differ.
ALTER TABLE cases ADD COLUMN facility_id text GENERATED ALWAYS AS (state ->> 'facility_id') STORED;
ALTER TABLE acts ADD COLUMN facility_id text GENERATED ALWAYS AS (event ->> 'facility_id') STORED;
ALTER TABLE wakings ADD COLUMN facility_id text;
UPDATE wakings AS w SET facility_id = c.facility_id FROM cases AS c WHERE c.id = w.encounter_id;

-- Who has read of whom, by which way: written before the answer is sent. Rows are only ever added.
CREATE TABLE reads (
    read_at       timestamptz NOT NULL DEFAULT now(),
    facility_id   text        NOT NULL,
    name          text        NOT NULL,   -- the caller's, a pseudonym
    role          text        NOT NULL,
    way           text        NOT NULL,
    encounter_ids text[]      NOT NULL
);
CREATE INDEX reads_by_facility ON reads (facility_id, read_at);

DO $$
DECLARE
    held text;
    -- Looked up once for a statement, and not for each row.
    is_service CONSTANT text := '(SELECT current_setting(''greenchannel.acts_for'', true) = ''service'')';
    is_own CONSTANT text := 'facility_id = current_setting(''greenchannel.facility'', true)';
BEGIN
    FOREACH held IN ARRAY ARRAY[
        'cases', 'queue', 'facilities', 'wakings', 'acts', 'reads', 'outbox', 'set_aside']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', held);
        EXECUTE format('CREATE POLICY service ON %I TO CURRENT_USER USING (%s)', held, is_service);
        EXECUTE format(
            'CREATE POLICY observer ON %I FOR SELECT TO greenchannel_observer USING (true)', held);
    END LOOP;
    FOREACH held IN ARRAY ARRAY['cases', 'queue', 'facilities', 'wakings', 'acts', 'reads']
    LOOP
        EXECUTE format(
            'CREATE POLICY facility ON %I TO greenchannel_bridge_facility USING (%s)',
            held, is_own);
    END LOOP;
END $$;
-- What is told waits here for all facilities: one adds its own, and reads nothing.
CREATE POLICY facility ON outbox FOR INSERT TO greenchannel_bridge_facility WITH CHECK (
    convert_from(value, 'UTF8')::json ->> 'facility_id'
    = current_setting('greenchannel.facility', true));

GRANT USAGE ON SCHEMA bridge TO greenchannel_bridge_facility;
GRANT SELECT, INSERT, UPDATE ON cases, queue, facilities TO greenchannel_bridge_facility;
GRANT SELECT, INSERT, UPDATE, DELETE ON wakings TO greenchannel_bridge_facility;
GRANT SELECT, INSERT ON acts, reads TO greenchannel_bridge_facility;
GRANT INSERT ON outbox TO greenchannel_bridge_facility;
-- The legal record and the log of reads: not even the service changes what stands there.
REVOKE UPDATE, DELETE, TRUNCATE ON acts, reads FROM CURRENT_USER;

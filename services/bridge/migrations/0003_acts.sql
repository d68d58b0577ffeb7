-- Senders number for themselves: one id may stand for acts of several kinds, and at two facilities.
ALTER TABLE acts DROP CONSTRAINT acts_pkey;
CREATE UNIQUE INDEX acts_by_name
    ON acts (encounter_id, type, event_id, coalesce(event ->> 'facility_id', ''));

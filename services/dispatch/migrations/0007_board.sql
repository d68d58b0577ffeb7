-- A dispatch board shows the calls that go on, and for a while those that have ended: since when one
-- has, by our own clock, for an act may be entered late.
ALTER TABLE incidents ADD COLUMN ended_at timestamptz;
CREATE OR REPLACE FUNCTION asked_of_incidents() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.opened_at := (NEW.state ->> 'opened_at')::timestamptz;
    NEW.standing := coalesce(NEW.state ->> 'standing', 'open');
    IF NEW.standing NOT IN ('closed', 'merged') THEN
        NEW.ended_at := NULL;
    ELSIF TG_OP = 'INSERT' OR OLD.standing IS DISTINCT FROM NEW.standing THEN
        NEW.ended_at := now();
    END IF;
    RETURN NEW;
END $$;
DROP INDEX incidents_that_wait;
CREATE INDEX incidents_that_go_on ON incidents (standing)
    WHERE standing IN ('open', 'held', 'abandoned', 'nuisance');
CREATE INDEX incidents_that_ended ON incidents (ended_at) WHERE standing IN ('closed', 'merged');

-- A crew asks whom its unit has. Of who has ended before this it asks no more.
ALTER TABLE encounters ADD COLUMN unit_id text, ADD COLUMN ended_at timestamptz;
CREATE FUNCTION asked_of_encounters() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.unit_id := NEW.state ->> 'unit_id';
    NEW.ended_at := (NEW.state ->> 'ended_at')::timestamptz;
    RETURN NEW;
END $$;
CREATE TRIGGER asked_of_encounters BEFORE INSERT OR UPDATE ON encounters
    FOR EACH ROW EXECUTE FUNCTION asked_of_encounters();
UPDATE encounters SET version = version
 WHERE state ->> 'unit_id' IS NOT NULL AND state ->> 'ended_at' IS NULL;
CREATE INDEX encounters_of_units ON encounters (unit_id, ended_at) WHERE unit_id IS NOT NULL;

-- Every dispatch of a unit, with all its stamps and what was corrected of them; and, in columns,
-- what its clocks show, so that indicators are read without the rest.
CREATE TABLE legs (
    id          text PRIMARY KEY,
    incident_id text        NOT NULL,
    unit_id     text        NOT NULL,
    notified    timestamptz,
    acknowledged timestamptz,
    departed    timestamptz,
    on_scene    timestamptz,
    left_scene  timestamptz,
    at_destination timestamptz,
    available   timestamptz,
    stood_down  timestamptz,
    seen_to_depart timestamptz,          -- by satellites; all others were reported
    is_rolling  boolean     NOT NULL DEFAULT false,
    learned_at  timestamptz,
    state       json        NOT NULL
);

-- Of 0.1.0, which kept stamps alone. The number of a leg names its call and its unit.
INSERT INTO legs
SELECT leg_id, split_part(leg_id, '.', 1), regexp_replace(leg_id, '^[^.]*\.(.*)\.[^.]*$', '\1'),
       min(occurred_at) FILTER (WHERE status = 'notified' AND source <> 'gps'),
       min(occurred_at) FILTER (WHERE status = 'acknowledged' AND source <> 'gps'),
       min(occurred_at) FILTER (WHERE status = 'departed' AND source <> 'gps'),
       min(occurred_at) FILTER (WHERE status = 'on_scene' AND source <> 'gps'),
       min(occurred_at) FILTER (WHERE status = 'left_scene' AND source <> 'gps'),
       min(occurred_at) FILTER (WHERE status = 'at_destination' AND source <> 'gps'),
       min(occurred_at) FILTER (WHERE status = 'available' AND source <> 'gps'),
       min(occurred_at) FILTER (WHERE status = 'stood_down' AND source <> 'gps'),
       min(occurred_at) FILTER (WHERE status = 'departed' AND source = 'gps'),
       false, max(recorded_at),
       json_build_object(
           'leg_id', leg_id,
           'incident_id', split_part(leg_id, '.', 1),
           'unit_id', regexp_replace(leg_id, '^[^.]*\.(.*)\.[^.]*$', '\1'),
           'stamps', json_agg(json_build_object(
               'stamp_id', status || '.' || source, 'status', status, 'source', source,
               'occurred_at', occurred_at, 'recorded_at', recorded_at) ORDER BY recorded_at))
  FROM stamps
 GROUP BY leg_id;

UPDATE units SET state = (units.state::jsonb || jsonb_build_object('leg', legs.state::jsonb))::json
  FROM legs WHERE legs.id = units.state -> 'leg' ->> 'leg_id';

CREATE INDEX legs_by_time ON legs (notified);
CREATE INDEX legs_by_incident ON legs (incident_id);
DROP TABLE stamps;

-- By when something must have happened. A row is taken away when its time has come.
CREATE TABLE deadlines (
    id     text        PRIMARY KEY,
    due_at timestamptz NOT NULL,
    state  json        NOT NULL
);
CREATE INDEX deadlines_by_time ON deadlines (due_at);

-- What was missed, or nearly: for the dispatch board and the shift lead. Kept for good.
CREATE TABLE alarms (
    id              text        PRIMARY KEY,
    incident_id     text        NOT NULL,
    leg_id          text,
    raised_at       timestamptz NOT NULL DEFAULT now(),
    acknowledged_at timestamptz,
    acknowledged_by text,
    state           json        NOT NULL
);
CREATE INDEX alarms_by_time ON alarms (raised_at);

-- A call that had ended before it had a standing.
UPDATE incidents SET state = (state::jsonb || jsonb_build_object('standing',
    CASE WHEN state ->> 'merged_into' IS NOT NULL THEN 'merged' ELSE 'closed' END))::json
 WHERE coalesce(state ->> 'merged_into', state ->> 'closed_at') IS NOT NULL;

-- What is asked of calls is asked by when they were opened, and by how they stand.
ALTER TABLE incidents ADD COLUMN opened_at timestamptz, ADD COLUMN standing text;
CREATE FUNCTION asked_of_incidents() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.opened_at := (NEW.state ->> 'opened_at')::timestamptz;
    NEW.standing := coalesce(NEW.state ->> 'standing', 'open');
    RETURN NEW;
END $$;
CREATE TRIGGER asked_of_incidents BEFORE INSERT OR UPDATE ON incidents
    FOR EACH ROW EXECUTE FUNCTION asked_of_incidents();
UPDATE incidents SET version = version;
CREATE INDEX incidents_by_time ON incidents (opened_at);
CREATE INDEX incidents_that_wait ON incidents (standing) WHERE standing IN ('open', 'held');

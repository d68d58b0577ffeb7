-- A dispatch is for the call as which its own goes on. Those whose unit is free again stay as they are.
WITH RECURSIVE goes_on (leg_id, unit_id, sent_to, id) AS (
    SELECT l.id, l.unit_id, l.incident_id, i.state ->> 'merged_into'
      FROM legs l JOIN incidents i ON i.id = l.incident_id
     WHERE l.available IS NULL AND l.stood_down IS NULL AND i.state ->> 'merged_into' IS NOT NULL
     UNION
    SELECT leg_id, unit_id, sent_to, i.state ->> 'merged_into'
      FROM goes_on JOIN incidents i USING (id)
     WHERE i.state ->> 'merged_into' IS NOT NULL),
moved AS (
    SELECT g.leg_id, g.unit_id, g.id,
           jsonb_build_object('incident_id', g.id, 'sent_to', g.sent_to) AS told
      FROM goes_on g JOIN incidents i USING (id)
     WHERE i.state ->> 'merged_into' IS NULL),
of_legs AS (
    UPDATE legs SET incident_id = moved.id, state = (state::jsonb || told)::json
      FROM moved WHERE legs.id = moved.leg_id)
UPDATE units
   SET version = version + 1,
       state = jsonb_set(state::jsonb, '{leg}', (state::jsonb -> 'leg') || told)::json
  FROM moved WHERE units.id = moved.unit_id AND state -> 'leg' ->> 'leg_id' = moved.leg_id;

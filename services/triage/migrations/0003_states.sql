-- A state is the picture of a patient and what each set of protocols has said of it. What 0.1.0 kept
-- goes on: its levels, words and readings; monitors say again what they show.
CREATE TABLE states (id text PRIMARY KEY, version bigint NOT NULL, state json NOT NULL)
    WITH (fillfactor = 50);

INSERT INTO states (id, version, state)
SELECT id, version, json_strip_nulls(json_build_object(
    'picture', json_build_object(
        'encounter_id', id,
        'patient', state -> 'patient',
        'ended', state -> 'ended',
        'examinations', state -> 'examinations',
        'override', state -> 'override',
        'pending', state -> 'pending',
        'memory', json_build_array(0, '[]'::json, coalesce(state -> 'taken', '{}')),
        'readings', (
            SELECT json_object_agg(key, json_build_array(json_build_array(
                       value -> 'value', value -> 'at', coalesce(value ->> 'said_by', 'before'))))
              FROM json_each(state -> 'readings')),
        'signs', (
            SELECT json_object_agg(key, json_build_array(json_build_array(
                       value -> 'present', value -> 'at', coalesce(value ->> 'said_by', 'before'))))
              FROM json_each(state -> 'signs'))),
    'course', json_build_object(
        'number', state -> 'decided' -> 'number',
        'decided_at', state -> 'decided' -> 'occurred_at',
        'worst', state -> 'decided' -> 'worst',
        'current', state -> 'decided' -> 'current',
        'trend', state -> 'decided' -> 'trend',
        'weighed', (SELECT json_object_agg(rule, '')
                      FROM json_array_elements_text(state -> 'weighed') AS rule))))
  FROM pictures;

DROP TABLE pictures;

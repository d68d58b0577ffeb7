-- When what the three minutes rest on was last stamped or corrected, by people and by satellites:
-- what else came later restates no figure.
ALTER TABLE legs ADD COLUMN seen_learned_at timestamptz;
UPDATE legs SET (learned_at, seen_learned_at) = (
    WITH rests_on AS (
        SELECT stamp ->> 'stamp_id' AS id, stamp ->> 'source' = 'gps' AS is_seen,
               (stamp ->> 'recorded_at')::timestamptz AS at
          FROM json_array_elements(state -> 'stamps') AS stamp
         WHERE stamp ->> 'status' IN ('notified', 'departed')
            OR stamp ->> 'status' = 'stood_down' AND legs.departed IS NULL),
    learned AS (
        SELECT is_seen, at FROM rests_on
         UNION ALL
        SELECT is_seen, (correction ->> 'recorded_at')::timestamptz
          FROM json_array_elements(state -> 'corrections') AS correction
          JOIN rests_on ON id = correction ->> 'stamp_id')
    SELECT max(at) FILTER (WHERE NOT is_seen), max(at) FILTER (WHERE is_seen) FROM learned);

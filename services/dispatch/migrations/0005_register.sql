-- Who takes part: stations, and hospitals with what they have free.
CREATE TABLE stations   (id text PRIMARY KEY, version bigint NOT NULL, state json NOT NULL);
CREATE TABLE facilities (id text PRIMARY KEY, version bigint NOT NULL, state json NOT NULL);

-- The station that a unit was sent from, and its county, as the register had them then.
ALTER TABLE legs ADD COLUMN station_id text, ADD COLUMN county text;

-- Who may be sent is asked of all units.
CREATE INDEX units_by_status ON units ((coalesce(state ->> 'status', 'available')));

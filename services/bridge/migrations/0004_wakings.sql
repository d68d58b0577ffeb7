-- When something that a facility owes a patient is late next: looked at by the database's clock.
CREATE TABLE wakings (encounter_id text PRIMARY KEY, due_at timestamptz NOT NULL);
CREATE INDEX wakings_by_due ON wakings (due_at);

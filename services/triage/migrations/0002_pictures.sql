-- What triage knows of each patient, with its last decision.
CREATE TABLE pictures (id text PRIMARY KEY, version bigint NOT NULL, state json NOT NULL)
    WITH (fillfactor = 50);

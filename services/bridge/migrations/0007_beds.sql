-- The beds of each facility that has said anything of them: one row, locked by whoever reserves.
CREATE TABLE beds (id text PRIMARY KEY, version bigint NOT NULL, state json NOT NULL)
    WITH (fillfactor = 50);

-- Who is signed in, by the hash of what lies in their browser; their tokens are sealed with it, so
-- that what stands here opens nothing.
CREATE TABLE sessions (
    hash       text PRIMARY KEY,
    name       text        NOT NULL,   -- a pseudonym, as in tokens
    role       text        NOT NULL,
    facility   text,
    spoken     json,                   -- what the provider calls them; shown to themselves, and at dispatch to each other
    sealed     bytea       NOT NULL,
    tokens_end timestamptz NOT NULL,   -- when the access token has to be renewed
    began_at   timestamptz NOT NULL,
    seen_at    timestamptz NOT NULL,
    ends_at    timestamptz NOT NULL
);
CREATE INDEX sessions_by_end ON sessions (ends_at);

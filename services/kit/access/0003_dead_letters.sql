-- What operators did with dead letters, and who looked into one. Rows are never changed but to say
-- where a record that was sent again came to lie. A letter is known by its place and the broker's
-- time of it: a topic that was made anew counts from nought again.
CREATE TABLE access.letter_acts (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    consumer       text        NOT NULL,
    partition      int         NOT NULL,
    "offset"       bigint      NOT NULL,
    set_down_at    timestamptz NOT NULL,
    act            text        NOT NULL CHECK (act IN ('shown', 'retried', 'dropped')),
    actor          text        NOT NULL,   -- whom the operator's system knows
    because        text,
    acted_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    sent_partition int,
    sent_offset    bigint,
    CHECK (act = 'shown' OR because IS NOT NULL)
);
CREATE INDEX acts_of_a_letter ON access.letter_acts (consumer, partition, "offset");

-- What waits for the broker lies in its row as it is: pressing what is gone in a moment costs more
-- than its place.
ALTER TABLE outbox SET (toast_tuple_target = 8160);

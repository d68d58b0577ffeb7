-- When a facility first heard of each patient of its queue: what is asked of a period is found by it, and
-- not by reading every patient that there ever was.
ALTER TABLE queue ADD COLUMN notified_at timestamptz;
UPDATE queue SET notified_at = (item -> 'handoff' ->> 'notified_at')::timestamptz;
CREATE INDEX queue_by_time ON queue (notified_at);

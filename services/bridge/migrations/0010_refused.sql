-- What was refused is counted each second and listed; what waits may be much more.
CREATE INDEX deliveries_refused ON deliveries (facility_id, channel, seq) WHERE refused_at IS NOT NULL;

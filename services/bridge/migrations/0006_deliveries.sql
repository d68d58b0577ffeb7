-- What systems of hospitals are to be told, written with the effect it tells of. A channel of a
-- facility is told in the order of `seq`. A row is deleted once it was told; one that was refused for
-- good stays with the reason, for who runs it.
CREATE TABLE deliveries (
    seq           bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id            text        NOT NULL UNIQUE,
    facility_id   text        NOT NULL,
    channel       text        NOT NULL,
    encounter_id  text        NOT NULL,
    type          text        NOT NULL,
    event         json        NOT NULL,
    state         json        NOT NULL,   -- the case as of then
    created_at    timestamptz NOT NULL DEFAULT now(),
    attempts      int         NOT NULL DEFAULT 0,
    next_at       timestamptz NOT NULL DEFAULT now(),
    erring_since  timestamptz,            -- answered with errors since then
    refused_at    timestamptz,
    reason        text
);
CREATE INDEX deliveries_waiting ON deliveries (facility_id, channel, seq) WHERE refused_at IS NULL;

-- Whose it is (0005): what a facility does is written by its request, and read by the courier alone.
ALTER TABLE deliveries ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY service ON deliveries TO CURRENT_USER
    USING (current_setting('greenchannel.acts_for', true) = 'service');
CREATE POLICY observer ON deliveries FOR SELECT TO greenchannel_observer USING (true);
CREATE POLICY facility ON deliveries FOR INSERT TO greenchannel_bridge_facility
    WITH CHECK (facility_id = current_setting('greenchannel.facility', true));
GRANT INSERT ON deliveries TO greenchannel_bridge_facility;

-- What satellites show of a dispatch beside its departure, and what was expected of it.
ALTER TABLE legs
    ADD COLUMN seen_not_before         timestamptz,   -- last seen to stand where it left from
    ADD COLUMN seen_on_scene           timestamptz,
    ADD COLUMN seen_left_scene         timestamptz,
    ADD COLUMN seen_at_destination     timestamptz,
    ADD COLUMN expected_on_scene       timestamptz,
    ADD COLUMN expected_at_destination timestamptz,
    ADD COLUMN scene_source            text,
    ADD COLUMN scene_off_m             float8;        -- from where the patient was said to be

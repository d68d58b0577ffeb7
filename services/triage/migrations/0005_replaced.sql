-- What is taken back leaves what it had replaced, of scales and examinations too: of each the last few are
-- kept. Of what was examined before this, nobody kept when.
UPDATE states SET state = jsonb_set(jsonb_set(state::jsonb,
    '{picture,points}', coalesce((
        SELECT jsonb_object_agg(key, jsonb_build_array(value))
          FROM jsonb_each(state::jsonb #> '{picture,points}')), '{}')),
    '{picture,examinations}', coalesce((
        SELECT jsonb_object_agg(key, jsonb_build_array(jsonb_build_array(true, 'epoch'::timestamptz, value)))
          FROM jsonb_each(state::jsonb #> '{picture,examinations}')), '{}'))::json;

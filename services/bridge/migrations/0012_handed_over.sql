-- Who was handed over of late is asked for by every board that is opened.
CREATE INDEX acts_handed_over ON acts (facility_id, occurred_at) WHERE type = 'CareTransferred';

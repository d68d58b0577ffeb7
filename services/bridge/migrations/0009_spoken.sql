-- Whether something of it may have come there: set before it is said, and taken back where there was no
-- connection. What may not be there is dropped when the patient is withdrawn. Of rows that stand here
-- already nobody knows: they are told as ever.
ALTER TABLE deliveries ADD COLUMN spoken boolean NOT NULL DEFAULT true;
ALTER TABLE deliveries ALTER COLUMN spoken SET DEFAULT false;

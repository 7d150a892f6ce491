-- How long the runs of a slot took altogether, in microseconds: what seconds that were saved are counted by.
ALTER TABLE watched_slots ADD COLUMN took HUGEINT DEFAULT 0;

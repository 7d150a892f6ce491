-- How long the runs of a slot took altogether, in microseconds: what seconds that were saved are counted by.
ALTER TABLE watched_slots ADD COLUMN took HUGEINT DEFAULT 0;

-- What the maker of an approval, or of a comment, thinks of the suggestion: 1 to 5, and why.
ALTER TABLE rulings ADD COLUMN score INTEGER;
ALTER TABLE rulings ADD COLUMN text VARCHAR DEFAULT '';

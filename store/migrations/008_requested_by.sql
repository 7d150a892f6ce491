-- Who asked for the analysis in words: whoever proposes a change does not approve it.
ALTER TABLE analyses ADD COLUMN requested_by VARCHAR DEFAULT '';

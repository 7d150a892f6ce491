-- Where the approval lies that a ruling is about: its partition and offset. Empty where nobody sent one.
ALTER TABLE rulings ADD COLUMN approval VARCHAR DEFAULT '';
UPDATE rulings SET approval = context->>'approval'
FROM agent_decisions WHERE agent_decisions.decision_id = rulings.decision_id;

-- What an analysis was asked for in words, and so is about.
ALTER TABLE analyses ADD COLUMN text VARCHAR DEFAULT '';

-- How the text of an approval was read; that it counts says its ruling.
CREATE TABLE readings (
    approval VARCHAR PRIMARY KEY,
    reason VARCHAR NOT NULL,
    record_partition INTEGER NOT NULL,
    record_offset BIGINT NOT NULL,
    record JSON NOT NULL
);

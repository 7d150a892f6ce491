-- How long the runs of a pattern took before a change, for the time in which it is watched: the mean of the keys of
-- their latencies (thousandths of a bin) and their time in microseconds.
CREATE TABLE watched_patterns (
    operation_id UUID NOT NULL,
    pattern_id UUID NOT NULL,
    affected BOOLEAN NOT NULL,
    before_key BIGINT NOT NULL,
    before_us BIGINT NOT NULL,
    PRIMARY KEY (operation_id, pattern_id)
);

-- By slots of time since 1970: the runs, their weight (the time that they would have taken before), and by how much
-- more they took, weighted (thousandths of a bin).
CREATE TABLE watched_slots (
    operation_id UUID NOT NULL,
    slot BIGINT NOT NULL,
    affected BOOLEAN NOT NULL,
    runs HUGEINT NOT NULL,
    weight HUGEINT NOT NULL,
    shift HUGEINT NOT NULL,
    PRIMARY KEY (operation_id, slot, affected)
);

-- What came of an operation, as it was judged.
CREATE TABLE verdicts (
    operation_id UUID PRIMARY KEY,
    sequence BIGINT NOT NULL,
    timestamp TIMESTAMP NOT NULL,
    product VARCHAR NOT NULL,
    database VARCHAR NOT NULL,
    verdict VARCHAR NOT NULL,
    record JSON NOT NULL
);

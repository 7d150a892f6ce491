-- The approval that a ruling is about, for who verifies it once more; the time is the broker's.
ALTER TABLE rulings ADD COLUMN record JSON;
ALTER TABLE rulings ADD COLUMN approved_at TIMESTAMP;

-- What products were told to do, or what could not be told, with the reason.
CREATE TABLE operations (
    operation_id UUID PRIMARY KEY,
    sequence BIGINT NOT NULL,
    timestamp TIMESTAMP NOT NULL,
    product VARCHAR NOT NULL,
    database VARCHAR NOT NULL,
    instance VARCHAR NOT NULL,
    number BIGINT NOT NULL,
    kind VARCHAR NOT NULL,
    suggestion_id UUID NOT NULL,
    revision BIGINT NOT NULL,
    plan_hash VARCHAR NOT NULL,
    first_step BIGINT NOT NULL,
    last_step BIGINT NOT NULL,
    deadline TIMESTAMP NOT NULL,
    requested_by VARCHAR NOT NULL,
    refused VARCHAR,
    as_code BOOLEAN NOT NULL
);

-- What became of them, as the products say.
CREATE TABLE outcomes (
    operation_id VARCHAR PRIMARY KEY,
    product VARCHAR NOT NULL,
    database VARCHAR NOT NULL,
    instance VARCHAR NOT NULL,
    record_partition INTEGER NOT NULL,
    record_offset BIGINT NOT NULL,
    timestamp TIMESTAMP NOT NULL,
    state VARCHAR NOT NULL,
    record JSON NOT NULL
);

-- Those that no decision has answered yet, or that wait for their suggestion. The time is the broker's.
CREATE TABLE approvals (
    record_partition INTEGER NOT NULL,
    record_offset BIGINT NOT NULL,
    timestamp TIMESTAMP NOT NULL,
    record JSON NOT NULL,
    waits_for VARCHAR,
    identity VARCHAR,
    expires TIMESTAMP,
    PRIMARY KEY (record_partition, record_offset)
);

-- What the gate said of each.
CREATE TABLE rulings (
    decision_id UUID PRIMARY KEY,
    sequence BIGINT NOT NULL,
    timestamp TIMESTAMP NOT NULL,
    product VARCHAR NOT NULL,
    database VARCHAR NOT NULL,
    approval_id VARCHAR NOT NULL,
    identity VARCHAR NOT NULL,
    approver VARCHAR NOT NULL,
    token_id VARCHAR NOT NULL,
    suggestion_id VARCHAR NOT NULL,
    revision BIGINT NOT NULL,
    plan_hash VARCHAR NOT NULL,
    decision VARCHAR NOT NULL,
    steps BIGINT NOT NULL,
    verdict VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    agreed BIGINT NOT NULL,
    opens TIMESTAMP
);

-- Times are UTC. Every value comes from a record: nothing here may depend on when or how often it was applied.

-- Sums of what producers claim never overflow: they stay at the largest BIGINT, in whatever order they are added.
CREATE MACRO saturated(x) AS least(x, 9223372036854775807)::BIGINT;

CREATE TABLE kafka (cluster_id VARCHAR NOT NULL);

CREATE TABLE inputs (
    topic VARCHAR NOT NULL,
    topic_id VARCHAR NOT NULL,
    partition INTEGER NOT NULL,
    next_offset BIGINT NOT NULL,
    settled_offset BIGINT NOT NULL,
    PRIMARY KEY (topic, partition)
);

CREATE TABLE journal_head (
    topic_id VARCHAR NOT NULL,
    next_offset BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    hash VARCHAR NOT NULL,
    epoch BIGINT NOT NULL,
    sent BIGINT NOT NULL
);

-- Epochs and decisions; checkpoints are in the topic alone.
CREATE TABLE journal (
    sequence BIGINT PRIMARY KEY,
    record_offset BIGINT NOT NULL,
    hash VARCHAR NOT NULL,
    previous_hash VARCHAR NOT NULL,
    epoch BIGINT NOT NULL,
    kind VARCHAR NOT NULL,
    timestamp TIMESTAMP NOT NULL,
    decisions JSON NOT NULL
);

CREATE TABLE outbox (
    message_id VARCHAR PRIMARY KEY,
    sequence BIGINT NOT NULL,
    ordinal INTEGER NOT NULL,
    topic VARCHAR NOT NULL,
    key BLOB NOT NULL,
    value BLOB NOT NULL,
    since JSON
);

CREATE TABLE databases (
    product VARCHAR NOT NULL,
    database VARCHAR NOT NULL,
    first_seen TIMESTAMP NOT NULL,
    last_seen TIMESTAMP NOT NULL,
    runs BIGINT NOT NULL,
    errors BIGINT NOT NULL,
    dropped BIGINT NOT NULL,
    records BIGINT NOT NULL,
    PRIMARY KEY (product, database)
);

-- The newest of each database, as in the compacted topic.
CREATE TABLE catalogs (
    product VARCHAR NOT NULL,
    database VARCHAR NOT NULL,
    catalog_hash VARCHAR NOT NULL,
    timestamp TIMESTAMP NOT NULL,
    record_offset BIGINT NOT NULL,
    record JSON NOT NULL,
    PRIMARY KEY (product, database)
);

CREATE TABLE applied_sources (
    topic_id VARCHAR NOT NULL,
    partition INTEGER NOT NULL,
    first BIGINT NOT NULL,
    last BIGINT NOT NULL
);

CREATE TABLE patterns (
    pattern_id UUID PRIMARY KEY,
    product VARCHAR NOT NULL,
    database VARCHAR NOT NULL,
    fingerprint VARCHAR NOT NULL,
    routes MAP(VARCHAR, BIGINT) NOT NULL,
    exemplars VARCHAR[] NOT NULL
);

CREATE TABLE observed_patterns (
    pattern_id UUID PRIMARY KEY,
    pattern_type VARCHAR NOT NULL,
    pattern_data JSON NOT NULL,
    first_observed TIMESTAMP NOT NULL,
    last_observed TIMESTAMP NOT NULL,
    occurrence_count BIGINT NOT NULL,
    confidence FLOAT NOT NULL
);

-- One row a pattern, period and catalog. A period is "hour", "day", or "ever" with the start 1970-01-01.
CREATE TABLE pattern_hours (
    pattern_id UUID NOT NULL,
    period VARCHAR NOT NULL,
    start TIMESTAMP NOT NULL,
    catalog_hash VARCHAR NOT NULL,
    runs BIGINT NOT NULL,
    errors BIGINT NOT NULL,
    rows BIGINT NOT NULL,
    latency_us BIGINT NOT NULL,
    latency_zero BIGINT NOT NULL,
    latency_keys INTEGER[] NOT NULL,
    latency_counts BIGINT[] NOT NULL,
    first_seen TIMESTAMP NOT NULL,
    last_seen TIMESTAMP NOT NULL,
    sampled BIGINT NOT NULL,
    rows_scanned BIGINT NOT NULL,
    row_groups_scanned BIGINT NOT NULL,
    row_groups_total BIGINT NOT NULL,
    cpu_us BIGINT NOT NULL,
    peak_memory_bytes BIGINT NOT NULL
);

-- Those that no decision has answered yet.
CREATE TABLE requests (
    record_partition INTEGER NOT NULL,
    record_offset BIGINT NOT NULL,
    request_id VARCHAR NOT NULL,
    product VARCHAR NOT NULL,
    database VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    body BLOB NOT NULL,
    requested_by VARCHAR NOT NULL,
    timestamp TIMESTAMP NOT NULL,
    PRIMARY KEY (record_partition, record_offset)
);

CREATE TABLE analyses (
    analysis_id UUID PRIMARY KEY,
    product VARCHAR NOT NULL,
    database VARCHAR NOT NULL,
    revision BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    epoch BIGINT NOT NULL,
    asked TIMESTAMP NOT NULL,
    deadline TIMESTAMP NOT NULL,
    reason VARCHAR NOT NULL,
    catalog_hash VARCHAR NOT NULL,
    window_start TIMESTAMP NOT NULL,
    window_end TIMESTAMP NOT NULL,
    shapes BIGINT NOT NULL,
    runs BIGINT NOT NULL,
    dropped BIGINT NOT NULL
);

CREATE TABLE suggestions (
    suggestion_id UUID NOT NULL,
    revision BIGINT NOT NULL,
    analysis_id UUID NOT NULL,
    product VARCHAR NOT NULL,
    database VARCHAR NOT NULL,
    position BIGINT NOT NULL,
    total BIGINT NOT NULL,
    kind VARCHAR NOT NULL,
    rule VARCHAR NOT NULL,
    title VARCHAR NOT NULL,
    speedup DOUBLE,
    timestamp TIMESTAMP NOT NULL,
    record_partition INTEGER NOT NULL,
    record_offset BIGINT NOT NULL,
    record JSON NOT NULL,
    PRIMARY KEY (suggestion_id, revision)
);

CREATE TABLE agent_decisions (
    decision_id UUID PRIMARY KEY,
    timestamp TIMESTAMP NOT NULL,
    operation_type VARCHAR NOT NULL,
    context JSON NOT NULL,
    suggestion JSON NOT NULL,
    approved BOOLEAN,
    executed BOOLEAN,
    outcome JSON,
    feedback_score FLOAT
);

CREATE TABLE agent_messages (
    message_id UUID PRIMARY KEY,
    sender_id VARCHAR NOT NULL,
    recipient_id VARCHAR NOT NULL,
    message_type VARCHAR NOT NULL,
    content JSON NOT NULL,
    sent_timestamp TIMESTAMP NOT NULL,
    delivery_status VARCHAR NOT NULL,
    response_id UUID
);

"""`agent_messages`: what was sent from one part to another, and whether Kafka has confirmed it."""

import json
from datetime import datetime

from duckdb import DuckDBPyConnection

from schemas.records import Decision

from .knowledge import naive

CONTROL = "control"
PENDING = "pending"
CONFIRMED = "confirmed"
RECIPIENTS = {"analysis-requests": "advise"}


def add(tx: DuckDBPyConnection, decision: Decision, sequence: int, at: datetime) -> None:
    for message in decision.messages:
        content = {
            "product": decision.product,
            "database": decision.database,
            "topic": message.topic,
            "decision_id": decision.decision_id,
            "sequence": sequence,
        }
        tx.execute(
            "INSERT INTO agent_messages VALUES (?, ?, ?, ?, ?, ?, ?, NULL)",
            [
                message.message_id,
                CONTROL,
                RECIPIENTS.get(message.topic, message.topic),
                decision.kind,
                json.dumps(content, sort_keys=True),
                naive(at),
                PENDING,
            ],
        )


def settle(tx: DuckDBPyConnection, up_to: int) -> None:
    """`up_to` is the highest sequence of the journal whose messages all are confirmed."""
    tx.execute(
        "UPDATE agent_messages SET delivery_status = ? "
        "WHERE delivery_status = ? AND (content->>'sequence')::BIGINT <= ?",
        [CONFIRMED, PENDING, up_to],
    )

"""This machine's clock beside Kafka's, which wrote an entry of the journal meanwhile."""

from datetime import UTC, datetime, timedelta

import pytest

from streams.journal import clock_ahead

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)


@pytest.mark.parametrize(
    ("of_kafka", "ahead"),
    [
        (NOON, timedelta(0)),
        (NOON + 30 * SECOND, timedelta(0)),  # Kafka was away, or the entry was long on its way back
        (NOON + 60 * SECOND, timedelta(0)),
        (NOON - HOUR, HOUR),
        (NOON + HOUR, 60 * SECOND - HOUR),
    ],
)
def test_a_clock_is_wrong_by_what_lies_outside_of_the_time_that_the_entry_took(
    of_kafka: datetime, ahead: timedelta
) -> None:
    assert clock_ahead(NOON, of_kafka, NOON + 60 * SECOND) == ahead

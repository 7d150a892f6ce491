from datetime import UTC, datetime
from pathlib import Path

import pytest

from schemas.client.settings import ClientSettings, client_settings
from schemas.errors import SettingsError


def test_the_environment_comes_before_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUCKDB_SIDECAR_KAFKA_SASL_PASSWORD", "from the environment")
    monkeypatch.setenv("DUCKDB_SIDECAR_TOPIC_PREFIX", "b.")
    monkeypatch.setenv("DUCKDB_SIDECAR_CLONE_FOLDER", "/clones")
    monkeypatch.setenv("DUCKDB_SIDECAR_MEASURE", "false")
    monkeypatch.setenv("DUCKDB_SIDECAR_FULL_COVERAGE_SINCE", "2026-01-01T00:00:00Z")
    monkeypatch.setenv("DUCKDB_SIDECAR_SNAPSHOT_COMMAND", "pull 'from there'")
    given = {"kafka": {"bootstrap.servers": "a:1", "sasl.password": "from the code"}, "topic_prefix": "a."}
    assert client_settings(given) == ClientSettings(
        kafka={"bootstrap.servers": "a:1", "sasl.password": "from the environment"},
        topic_prefix="b.",
        clone_folder=Path("/clones"),
        measure=False,
        full_coverage_since=datetime(2026, 1, 1, tzinfo=UTC),
        snapshot_command=["pull", "from there"],
    )


def test_a_time_that_names_no_zone_is_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUCKDB_SIDECAR_FULL_COVERAGE_SINCE", "2026-01-01")
    assert client_settings().full_coverage_since == datetime(2026, 1, 1, tzinfo=UTC)


def test_the_switch_of_the_whole_client_is_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUCKDB_SIDECAR", "on")
    assert client_settings() == ClientSettings()


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("DUCKDB_SIDECAR_CLONE_BITES", "5", "clone_bites: Extra inputs are not permitted"),
        ("DUCKDB_SIDECAR_CLONE_BYTES", "much", "clone_bytes: Input should be a valid integer"),
        ("DUCKDB_SIDECAR_TOPIC_PREFIX", "a b", "topic_prefix: String should match pattern"),
        ("DUCKDB_SIDECAR_SNAPSHOT_COMMAND", "pull 'it", "DUCKDB_SIDECAR_SNAPSHOT_COMMAND: No closing quotation"),
        ("DUCKDB_SIDECAR_KAFKA_GROUP_ID", "mine", "group.id: the client sets that itself, leave it out"),
    ],
)
def test_what_cannot_be_is_named(monkeypatch: pytest.MonkeyPatch, variable: str, value: str, message: str) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match=message):
        client_settings()


def test_no_secret_is_in_a_message_or_a_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = {"kafka": {"sasl.password": "canary"}, "schema_registry_userinfo": "user:canary"}
    assert "canary" not in repr(client_settings(secret))
    monkeypatch.setenv("DUCKDB_SIDECAR_MEASURE", "canary")
    with pytest.raises(SettingsError) as raised:
        client_settings(secret)
    assert "canary" not in str(raised.value)
    assert raised.value.__cause__ is None

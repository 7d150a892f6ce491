from datetime import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from schemas.errors import SettingsError
from streams import settings
from streams.cli import cli
from streams.listed_settings import listed
from streams.log import MASK
from streams.settings import Settings, load, unknown_variables
from streams.terminal import console
from streams.windows import Window
from tests.commands import cells

CANARY = "canary-of-a-password"


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither the machine's environment nor a file of the checkout."""
    for name in list(settings.os.environ):
        if name.startswith(settings.PREFIX):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_every_setting_has_a_help_and_a_default() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []
    assert [name for name, field in Settings.model_fields.items() if field.is_required()] == []


def test_every_duration_says_its_unit() -> None:
    seconds = {one.name for one in listed(load()) if one.unit == "s"}
    assert seconds == {name for name in Settings.model_fields if name.endswith("_s")}


def test_the_environment_comes_before_the_file_and_the_file_before_the_default(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "sidecar.toml").write_text("http_port = 1\nkafka_port = 2\n")
    monkeypatch.setenv("SIDECAR_HTTP_PORT", "3")
    loaded = load()
    assert (loaded.http_port, loaded.kafka_port, loaded.http_host) == (3, 2, "127.0.0.1")
    sources = {one.name: one.source for one in listed(loaded)}
    assert (sources["http_port"], sources["kafka_port"], sources["http_host"]) == (
        "environment",
        "sidecar.toml",
        "default",
    )


def test_the_store_lies_in_the_data_folder_unless_it_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIDECAR_DATA_FOLDER", "/elsewhere")
    assert load().store_path == Path("/elsewhere/store.duckdb")
    monkeypatch.setenv("SIDECAR_STORE_PATH", "/other.duckdb")
    assert load().store_path == Path("/other.duckdb")


def test_a_file_can_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('topic_prefix = "mine."\n')
    monkeypatch.setenv("SIDECAR_CONFIG", "mine.toml")
    assert load().topic_prefix == "mine."


def test_a_named_file_that_is_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIDECAR_CONFIG", "gone.toml")
    with pytest.raises(SettingsError, match=r"names gone\.toml, but there is no such file"):
        load()


@pytest.mark.parametrize(
    ("text", "reason"),
    [("topic_prefx = 'x'", "topic_prefx: Extra inputs are not permitted"), ("topic_prefix = ", "is no TOML")],
)
def test_a_wrong_file_is_an_error_that_names_what_is_wrong(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "sidecar.toml").write_text(text)
    with pytest.raises(SettingsError, match=reason):
        load()


def test_a_secret_is_masked_wherever_it_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "BOOTSTRAP_SERVERS": "kafka:9092",
        "SASL_MECHANISM": "SCRAM-SHA-512",
        "SASL_USERNAME": "alice",
        "SASL_PASSWORD": CANARY,
    }.items():
        monkeypatch.setenv(f"SIDECAR_{name}", value)
    loaded = load()
    values = {one.name: one.value for one in listed(loaded)}
    assert (values["sasl_password"], values["oauth_client_secret"]) == (MASK, "")
    assert CANARY not in repr(loaded)
    assert loaded.secrets() == [CANARY]


def test_people_see_every_setting_its_source_and_a_slip_of_the_pen(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "sidecar.toml").write_text(f"""
        bootstrap_servers = "kafka:9092"
        sasl_mechanism = "PLAIN"
        sasl_username = "alice"
        sasl_password = "{CANARY}"
    """)
    monkeypatch.setenv("SIDECAR_HTTP_PORT", "3")
    monkeypatch.setenv("SIDECAR_TOPIC_PREFX", "x")
    monkeypatch.setattr(console, "width", 2000)
    shown = CliRunner().invoke(cli, ["settings"])
    assert shown.exit_code == 0
    head, *rows = cells(shown.stdout)
    assert head == ["setting", "value", "source", "what it is"]
    assert [row[0] for row in rows] == [settings.PREFIX + name.upper() for name in Settings.model_fields]
    found = {row[0]: row[1:] for row in rows}
    assert found["SIDECAR_HTTP_PORT"] == ["3", "environment", "their port; 0 takes a free one"]
    assert found["SIDECAR_SASL_PASSWORD"] == [MASK, "sidecar.toml", "for PLAIN and SCRAM"]
    assert found["SIDECAR_STOP_TIMEOUT_S"][1:] == [
        "default", "for the work in flight to end after SIGTERM (s)"
    ]  # fmt: skip
    assert shown.stderr == "SIDECAR_TOPIC_PREFX is no setting of ours: a slip of the pen?\n"
    assert CANARY not in shown.output


def test_an_error_does_not_repeat_a_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "sidecar.toml").write_text(f'sasl_password = ["{CANARY}"]\n')
    with pytest.raises(SettingsError) as caught:
        load()
    assert CANARY not in str(caught.value)
    assert caught.value.__cause__ is None


SECURE = {"bootstrap_servers": "kafka:9092"}
SCRAM = {**SECURE, "sasl_mechanism": "SCRAM-SHA-256", "sasl_username": "a", "sasl_password": "p"}
OAUTH = {
    **SECURE,
    "sasl_mechanism": "OAUTHBEARER",
    "oauth_token_url": "https://id.example/token",
    "oauth_client_id": "a",
    "oauth_client_secret": "s",
}

MAIL = {"mail_to": "team@example.com", "mail_from": "sidecar@example.com", "smtp_host": "smtp.example.com"}
HOOK = f"https://hooks.slack.com/services/{CANARY}"


@pytest.mark.parametrize(
    "complete",
    [
        {},
        SECURE,
        SCRAM,
        OAUTH,
        {**SECURE, "tls": True},
        {**MAIL, "smtp_username": "a", "smtp_password": "p", "slack_webhook_url": HOOK},
        {**MAIL, "smtp_host": "localhost", "smtp_security": "none", "slack_webhook_url": "http://127.0.0.1:80/x"},
    ],
)
def test_settings_that_agree_are_taken(complete: dict[str, object]) -> None:
    Settings(**complete)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"bootstrap_servers": "kafka"}, "'kafka' is not host:port"),
        ({"tls": True}, "set bootstrap_servers"),
        ({**SCRAM, "sasl_password": ""}, "SCRAM-SHA-256 needs sasl_password"),
        ({**SCRAM, "sasl_mechanism": ""}, "sasl_username is set, but sasl_mechanism is not"),
        ({**OAUTH, "oauth_client_id": ""}, "OAUTHBEARER needs oauth_client_id"),
        ({**OAUTH, "sasl_username": "a"}, "sasl_username is set, but sasl_mechanism is OAUTHBEARER"),
        ({**OAUTH, "oauth_token_url": "file:///etc/passwd"}, "oauth_token_url is no http or https URL"),
        ({**SCRAM, "oauth_scope": "x"}, "oauth_scope is set"),
        ({**SECURE, "tls_ca_file": __file__}, "tls_ca_file is set, but tls is not"),
        ({**SECURE, "tls": True, "tls_ca_file": "/gone"}, "there is no file /gone"),
        ({**SECURE, "tls": True, "tls_key_file": __file__}, "belong together"),
        ({**SECURE, "tls": True, "tls_key_password": "p"}, "tls_key_file is not"),
        ({"schema_registry_username": "a", "schema_registry_password": "p"}, "set the URL too"),
        ({"schema_registry_url": "http://r", "schema_registry_username": "a"}, "belong together"),
        ({"schema_registry_url": "http://a:p@r"}, "holds credentials"),
        ({"backup_folder": "b"}, "backup_folder needs a key: set backup_key_file"),
        ({"backup_key": "k", "backup_key_command": "c"}, "name one key: set one of them"),
        ({"model": "m", "model_url": "https://m.example/v1", "model_name": "m"}, "name one model: set one of them"),
        ({"model_adapter": "a"}, "model_adapter is laid over a model: set model too"),
        ({"model_url": "https://m.example/v1"}, "model_url and model_name belong together"),
        ({"model_url": "http://m.example/v1", "model_name": "m"}, "model_url: .*only https leaves this machine"),
        ({"model_key_file": "k"}, "model_key_file is set, but model_url is not"),
        ({"page_url": "page.example"}, "page_url is no http or https URL"),
        ({"slack_webhook_url": f"http://hooks.slack.com/services/{CANARY}"}, "slack_webhook_url is no https URL"),
        ({"slack_webhook_url": CANARY}, "slack_webhook_url is no https URL"),
        ({**MAIL, "smtp_host": ""}, "belong together: set all or none"),
        ({**MAIL, "mail_to": "a@example.com, b@example.com"}, "is no address"),
        ({**MAIL, "mail_from": "a@example.com\nBcc: b@example.com"}, "is no address"),
        ({**MAIL, "mail_from": "a@example.com\n"}, "is no address"),
        ({**MAIL, "smtp_username": "a"}, "smtp_username and smtp_password belong together"),
        ({"smtp_username": "a", "smtp_password": "p"}, "smtp_host is not"),
        ({**MAIL, "smtp_security": "none"}, "on this machine alone"),
        ({"http_key_file": "k"}, "http_certificate_file and http_key_file belong together"),
        ({"api_issuer": "i"}, "api_issuer and api_jwks belong together"),
        ({"api_issuer": "i", "api_jwks": "http://i.example/k"}, "api_jwks: .*only https leaves this machine"),
        ({"api_url": "http://sidecar.example"}, "api_url: .*only https leaves this machine"),
        ({"api_url": "sidecar.example:8321"}, "api_url: .* is no http or https URL"),
    ],
)
def test_a_contradiction_says_what_to_do(given: dict[str, object], reason: str) -> None:
    with pytest.raises(SettingsError, match=reason) as caught:
        Settings(**given)  # type: ignore[arg-type]
    assert CANARY not in str(caught.value)


def test_quiet_hours_are_windows_in_the_file_and_as_json_in_a_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sidecar.toml").write_text(
        'notify_quiet = [{begins = 22:00:00, ends = "07:00", zone = "Europe/Berlin"}]'
    )
    by_file = load()
    assert by_file.notify_quiet == [Window(begins=time(22), ends=time(7), zone="Europe/Berlin")]
    shown = next(one.value for one in listed(by_file) if one.name == "notify_quiet")
    monkeypatch.setenv("SIDECAR_NOTIFY_QUIET", shown)
    assert load().notify_quiet == by_file.notify_quiet
    monkeypatch.setenv("SIDECAR_NOTIFY_QUIET", "22:00-07:00")
    with pytest.raises(SettingsError, match=r'"notify_quiet".*it has to be JSON'):
        load()
    monkeypatch.setenv("SIDECAR_NOTIFY_QUIET", shown.replace("Europe/Berlin", "Mars/Olympus"))
    with pytest.raises(SettingsError, match=r"notify_quiet\.0\.zone: .*is no time zone"):
        load()


def test_all_contradictions_are_named_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings(tls=True, sasl_mechanism="PLAIN")  # type: ignore[call-arg]
    assert len(str(caught.value).splitlines()) == 3


def test_a_variable_that_is_no_setting_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIDECAR_TOPIC_PREFX", "x")
    monkeypatch.setenv("SIDECAR_CONFIG", "")
    assert unknown_variables() == ["SIDECAR_TOPIC_PREFX"]

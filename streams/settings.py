"""Every setting, in one class. The environment (`SIDECAR_...`) comes before the file, the file before the default.

The file is `sidecar.toml` in the working directory, or what `SIDECAR_CONFIG` names; its keys are the names below.
"""

import ipaddress
import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)
from pydantic_settings import SettingsError as Unparsable

from schemas.errors import SettingsError
from streams import urls
from streams.windows import Window

PREFIX = "SIDECAR_"
FILE_VARIABLE = "SIDECAR_CONFIG"
DEFAULT_FILE = Path("sidecar.toml")
LOCAL_FILE = "api-key"
"""In the data folder: the API key of whoever can read it."""
SERVER = re.compile(r"^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}$")
ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+")
NAME_PREFIX = r"^[A-Za-z0-9._-]{0,100}$"  # what Kafka takes in the name of a topic


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="forbid", frozen=True, validate_default=False
    )

    bootstrap_servers: str = Field(
        "", description="Kafka, as host:port[,host:port...]; empty starts the embedded broker"
    )
    kafka_port: int = Field(
        19092, ge=0, le=65535, description="port of the embedded broker on 127.0.0.1; 0 takes a free one"
    )
    tls: bool = Field(False, description="encrypt the connections to Kafka")
    tls_ca_file: Path | None = Field(None, description="PEM file of the authorities to trust; none trusts the system's")
    tls_certificate_file: Path | None = Field(None, description="PEM file of our own certificate")
    tls_key_file: Path | None = Field(None, description="PEM file of its key")
    tls_key_password: SecretStr = Field(SecretStr(""), description="of the key, where it is encrypted")
    sasl_mechanism: Literal["", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] = Field(
        "", description="how to log in to Kafka; empty does not"
    )
    sasl_username: str = Field("", description="for PLAIN and SCRAM")
    sasl_password: SecretStr = Field(SecretStr(""), description="for PLAIN and SCRAM")
    oauth_token_url: str = Field("", description="for OAUTHBEARER: where client credentials are turned into a token")
    oauth_client_id: str = Field("", description="for OAUTHBEARER")
    oauth_client_secret: SecretStr = Field(SecretStr(""), description="for OAUTHBEARER")
    oauth_scope: str = Field("", description="for OAUTHBEARER: the scope to ask for")
    topic_prefix: str = Field("", pattern=NAME_PREFIX, description="in front of every topic's name")
    group_prefix: str = Field(
        "duckdb-sidecar.", pattern=NAME_PREFIX, description="in front of every consumer group's name"
    )
    schema_registry_url: str = Field("", description="a Confluent-compatible Schema Registry; its ids alone count")
    schema_registry_username: str = Field("", description="of the Schema Registry")
    schema_registry_password: SecretStr = Field(SecretStr(""), description="of the Schema Registry")
    schema_registry_register: bool = Field(
        True, description="register schemas that the Schema Registry lacks; else they must be there"
    )
    data_folder: Path = Field(Path(".sidecar"), description="where all that is kept lies, made if need be")
    store_path: Path = Field(
        default_factory=lambda given: given["data_folder"] / "store.duckdb",
        description="the knowledge file; by default store.duckdb in the data folder",
    )
    http_host: str = Field("127.0.0.1", description="where the API, /livez, /readyz and /metrics listen")
    http_port: int = Field(8321, ge=0, le=65535, description="their port; 0 takes a free one")
    http_certificate_file: Path | None = Field(None, description="PEM file of their certificate; none serves no TLS")
    http_key_file: Path | None = Field(None, description="PEM file of its key, not encrypted")
    api_issuer: str = Field("", description="`iss` of the tokens that the API takes; none takes API keys alone")
    api_jwks: str = Field("", description="JWK set of that issuer, a file or an https URL")
    api_url: str = Field(
        "", description="where the commands of people ask the API; empty asks http_host and http_port on this machine"
    )
    api_key_file: Path = Field(
        default_factory=lambda given: given["data_folder"] / LOCAL_FILE,
        description="file of the API key that they ask with; by default api-key in the data folder",
    )
    analysis_min_runs: int = Field(
        1000, ge=1, description="runs of a database's queries, since its last analysis, that start the next",
        json_schema_extra={"unit": "runs"},
    )  # fmt: skip
    analysis_min_interval_s: float = Field(
        3600, ge=0, description="between two analyses of a database", json_schema_extra={"unit": "s"}
    )
    analysis_budget_s: float = Field(
        120, gt=0, description="of measuring beside the product, for one analysis", json_schema_extra={"unit": "s"}
    )
    ranker: Path | Literal["rules", "shipped"] = Field(
        "rules",
        description="who says what is tried first: the folder of a ranking model, `shipped` for that which ships, or "
        "`rules`",
    )
    model: Path | Literal["rules", "shipped"] = Field(
        "shipped",
        description="who reads free text: the folder of a language model, `shipped` for that which ships, where no "
        "server is named, or `rules` for words alone",
    )
    model_adapter: Path | None = Field(
        None, description="folder of an adapter (LoRA) that is laid over that model; for one that mlx-lm reads"
    )
    model_url: str = Field(
        "", description="or where a server has one, as `https://host/v1`, by the protocol of OpenAI's chat completions"
    )
    model_name: str = Field("", description="what that server calls it")
    model_key_file: Path | None = Field(None, description="file of the key for that server; none sends none")
    model_silence_s: float = Field(
        60, gt=0, description="without a sign of the models' process, before it is started again; longer than a large "
        "model takes for 256 tokens of two prompts", json_schema_extra={"unit": "s"},
    )  # fmt: skip
    policy: Path | None = Field(
        None, description="TOML file of who may let which changes be done; none refuses every approval"
    )
    operation_key: Path | None = Field(
        None,
        description="the control process's own key, which signs what products are told, and the journal; none tells "
        "them nothing",
    )
    backup_folder: Path | None = Field(None, description="where backups of the knowledge file are put; none makes none")
    backup_interval_s: float = Field(86_400, gt=0, description="between two backups", json_schema_extra={"unit": "s"})
    backup_keep: int = Field(
        7, ge=1, description="newest backups that stay, with all that are younger than as many intervals"
    )
    backup_key: SecretStr = Field(SecretStr(""), description="that backups are sealed with, base64 of 32 bytes")
    backup_key_file: Path | None = Field(None, description="or a file that holds it")
    backup_key_command: str = Field("", description="or a command that prints it; it runs without a shell")
    page_url: str = Field("", description="of the page that messages link to; none sends no links")
    slack_webhook_url: SecretStr = Field(
        SecretStr(""), description="an incoming webhook of the Slack channel to tell; none tells no Slack"
    )
    mail_to: str = Field("", description="the address to tell, which may be a list's; none sends no mail")
    mail_from: str = Field("", description="the address that mail comes from")
    smtp_host: str = Field("", description="the server that takes the mail")
    smtp_port: int = Field(587, ge=1, le=65535, description="its port")
    smtp_security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="TLS once connected, or from the first byte; none is for a server on this machine"
    )
    smtp_username: str = Field("", description="to log in to it; empty does not")
    smtp_password: SecretStr = Field(SecretStr(""), description="to log in to it")
    notify_digest_s: float = Field(
        600, ge=0, description="for which what is not urgent is gathered into one message",
        json_schema_extra={"unit": "s"},
    )  # fmt: skip
    notify_quiet: list[Window] = Field(
        [], description="hours in which only what is urgent is told, each as a window of the policy; JSON in a variable"
    )
    notify_an_hour: int = Field(
        20, ge=1, description="to each receiver in an hour at the most; what is more waits",
        json_schema_extra={"unit": "messages"},
    )  # fmt: skip
    start_timeout_s: float = Field(
        60, gt=0, description="for Faust to join its group once Kafka answers", json_schema_extra={"unit": "s"}
    )
    stop_timeout_s: float = Field(
        30, gt=0, description="for the work in flight to end after SIGTERM", json_schema_extra={"unit": "s"}
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="the least that is logged")
    log_format: Literal["console", "json"] = Field("console", description="for people or for machines")

    @model_validator(mode="after")
    def _agree(self) -> "Settings":
        if wrong := list(self._contradictions()):
            raise SettingsError("\n".join(wrong))
        return self

    def _contradictions(self) -> Iterator[str]:
        for server in filter(None, self.bootstrap_servers.split(",")):
            if not SERVER.match(server.strip()):
                yield f"bootstrap_servers: {server!r} is not host:port"
        secured = self.tls or self.sasl_mechanism
        if secured and not self.bootstrap_servers:
            yield "tls and sasl_mechanism are for a Kafka of yours: set bootstrap_servers, or leave them out"
        password = {"sasl_username": self.sasl_username, "sasl_password": self.sasl_password.get_secret_value()}
        oauth = {
            "oauth_token_url": self.oauth_token_url,
            "oauth_client_id": self.oauth_client_id,
            "oauth_client_secret": self.oauth_client_secret.get_secret_value(),
        }
        uses_password = self.sasl_mechanism in ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
        for uses, needed in ((uses_password, password), (self.sasl_mechanism == "OAUTHBEARER", oauth)):
            for name, value in needed.items():
                if uses and not value:
                    yield f"sasl_mechanism {self.sasl_mechanism} needs {name}: set it"
                if value and not uses:
                    mechanism = self.sasl_mechanism or "not"
                    yield f"{name} is set, but sasl_mechanism is {mechanism}: set one that uses it"
        if self.oauth_scope and self.sasl_mechanism != "OAUTHBEARER":
            yield "oauth_scope is set, but sasl_mechanism is not OAUTHBEARER: set that, or leave the scope out"
        files = {
            "tls_ca_file": self.tls_ca_file,
            "tls_certificate_file": self.tls_certificate_file,
            "tls_key_file": self.tls_key_file,
        }
        for name, file in files.items():
            if file and not self.tls:
                yield f"{name} is set, but tls is not: set tls to true, or leave the file out"
            if file and not file.is_file():
                yield f"{name}: there is no file {file}"
        if bool(self.tls_certificate_file) != bool(self.tls_key_file):
            yield "tls_certificate_file and tls_key_file belong together: set both or none"
        if self.tls_key_password.get_secret_value() and not self.tls_key_file:
            yield "tls_key_password is set, but tls_key_file is not: set the file too"
        sources = [bool(self.backup_key.get_secret_value()), bool(self.backup_key_file), bool(self.backup_key_command)]
        if sum(sources) > 1:
            yield "backup_key, backup_key_file and backup_key_command name one key: set one of them"
        if self.backup_folder and not any(sources):
            yield "backup_folder needs a key: set backup_key_file, backup_key or backup_key_command"
        if bool(self.http_certificate_file) != bool(self.http_key_file):
            yield "http_certificate_file and http_key_file belong together: set both or none"
        if bool(self.api_issuer) != bool(self.api_jwks):
            yield "api_issuer and api_jwks belong together: set both or none"
        if isinstance(self.model, Path) and self.model_url:
            yield "model and model_url name one model: set one of them"
        if self.model_adapter and not isinstance(self.model, Path):
            yield "model_adapter is laid over a model: set model too, the folder of that"
        if bool(self.model_url) != bool(self.model_name):
            yield "model_url and model_name belong together: set both or none"
        if self.model_key_file and not self.model_url:
            yield "model_key_file is set, but model_url is not: set the URL too"
        trusted = {
            "api_url": self.api_url,
            "api_jwks": self.api_jwks if "://" in self.api_jwks else "",
            "model_url": self.model_url,
        }
        for name, url in trusted.items():
            if url and (problem := urls.objection(url)):
                yield f"{name}: {problem}"
        for name, url in {
            "oauth_token_url": self.oauth_token_url,
            "schema_registry_url": self.schema_registry_url,
            "page_url": self.page_url,
        }.items():
            parts = urlsplit(url)
            if url and (parts.scheme not in ("http", "https") or not parts.hostname):
                yield f"{name} is no http or https URL: write it whole"
            if "@" in parts.netloc:
                yield f"{name} holds credentials, which would be logged: set the settings that are there for them"
        if self.schema_registry_username and not self.schema_registry_url:
            yield "schema_registry_username is set, but schema_registry_url is not: set the URL too"
        if bool(self.schema_registry_username) != bool(self.schema_registry_password.get_secret_value()):
            yield "schema_registry_username and schema_registry_password belong together: set both or none"
        yield from self._of_telling()

    def _of_telling(self) -> Iterator[str]:
        webhook = urlsplit(self.slack_webhook_url.get_secret_value())  # a secret, so that no error may hold it
        is_safe = webhook.scheme == "https" or (webhook.scheme == "http" and is_here(webhook.hostname))
        if any(webhook) and not (is_safe and webhook.hostname):
            yield "slack_webhook_url is no https URL: copy it whole from Slack"
        mail = {"mail_to": self.mail_to, "mail_from": self.mail_from, "smtp_host": self.smtp_host}
        if any(mail.values()) and not all(mail.values()):
            yield f"{', '.join(mail)} belong together: set all or none"
        for name in ("mail_to", "mail_from"):
            if mail[name] and not ADDRESS.fullmatch(mail[name]):
                yield f"{name}: {mail[name]!r} is no address, such as team@example.com"
        if bool(self.smtp_username) != bool(self.smtp_password.get_secret_value()):
            yield "smtp_username and smtp_password belong together: set both or none"
        if self.smtp_username and not self.smtp_host:
            yield "smtp_username is set, but smtp_host is not: set the host too"
        if self.smtp_security == "none" and not is_here(self.smtp_host):
            yield "smtp_security none is for a server on this machine alone: set starttls or tls"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=used_file())

    def secrets(self) -> list[str]:
        """The values that no log may hold."""
        return [v.get_secret_value() for _, v in self if isinstance(v, SecretStr) and v.get_secret_value()]


def load() -> Settings:
    """Reads the environment and the file. Raises SettingsError, which names everything that is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        # neither the input nor its repr: it may be a secret
        errors = (e for e in error.errors(include_input=False) if e["type"] != "default_factory_not_called")
        wrong = (f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in errors)
        raise SettingsError("\n".join(wrong)) from None
    except Unparsable as error:
        raise SettingsError(f"{error}: it has to be JSON") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{used_file()} is no TOML: {error}") from error


def is_here(host: str | None) -> bool:
    """Whether a host is this machine, by its name or address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def unknown_variables() -> list[str]:
    """Variables of the environment that look like settings and are none: most often a slip of the pen."""
    known = {PREFIX + name.upper() for name in Settings.model_fields} | {FILE_VARIABLE}
    return sorted(name for name in os.environ if name.upper().startswith(PREFIX) and name.upper() not in known)


def used_file() -> Path | None:
    """Raises SettingsError."""
    if chosen := os.environ.get(FILE_VARIABLE):
        if not Path(chosen).is_file():
            raise SettingsError(f"{FILE_VARIABLE} names {chosen}, but there is no such file")
        return Path(chosen)
    return DEFAULT_FILE if DEFAULT_FILE.is_file() else None

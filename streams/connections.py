"""The connections that the settings ask for: confluent-kafka's and the Schema Registry's; not Faust's."""

from collections.abc import Callable
from functools import partial
from typing import Any

from schemas.codec import Codec
from streams.settings import Settings


def confluent_config(settings: Settings) -> dict[str, Any]:
    """What any client of confluent-kafka needs to connect."""
    config: dict[str, Any] = {
        "bootstrap.servers": settings.bootstrap_servers,
        "security.protocol": _protocol(settings),
    }
    if settings.tls_ca_file:
        config["ssl.ca.location"] = str(settings.tls_ca_file)
    if settings.tls_certificate_file:
        config["ssl.certificate.location"] = str(settings.tls_certificate_file)
        config["ssl.key.location"] = str(settings.tls_key_file)
    if password := settings.tls_key_password.get_secret_value():
        config["ssl.key.password"] = password
    if settings.sasl_mechanism == "OAUTHBEARER":
        config |= {
            "sasl.mechanism": "OAUTHBEARER",
            "sasl.oauthbearer.method": "oidc",
            "sasl.oauthbearer.token.endpoint.url": settings.oauth_token_url,
            "sasl.oauthbearer.client.id": settings.oauth_client_id,
            "sasl.oauthbearer.client.secret": settings.oauth_client_secret.get_secret_value(),
        }
        if settings.oauth_scope:
            config["sasl.oauthbearer.scope"] = settings.oauth_scope
    elif settings.sasl_mechanism:
        config |= {
            "sasl.mechanism": settings.sasl_mechanism,
            "sasl.username": settings.sasl_username,
            "sasl.password": settings.sasl_password.get_secret_value(),
        }
    return config


def codec_maker(settings: Settings, *, register: bool = False) -> Callable[[], Codec]:
    """Makes a codec in any process, with schema ids by the registry if there is one, else by the committed map.

    `register` is for schemas that the registry lacks. The maker raises BrokerError.
    """
    if not settings.schema_registry_url:
        return Codec
    from schemas import registry  # its client takes 0.1 s to load, in every process

    options = {}
    if settings.schema_registry_username:
        password = settings.schema_registry_password.get_secret_value()
        options["basic.auth.user.info"] = f"{settings.schema_registry_username}:{password}"
    return partial(registry.codec, settings.schema_registry_url, register=register, options=options)


def codec(settings: Settings, *, register: bool = False) -> Codec:
    return codec_maker(settings, register=register)()


def _protocol(settings: Settings) -> str:
    return ("SASL_" if settings.sasl_mechanism else "") + ("SSL" if settings.tls else "PLAINTEXT")

"""Passwords and rights on the embedded Kafka, so that what a secured Kafka refuses can be tried out on it."""

from collections.abc import Mapping
from dataclasses import dataclass

from confluent_kafka.admin import (  # type: ignore[attr-defined]  # it does not name what it exports
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialAlteration,
    UserScramCredentialUpsertion,
)

ADMIN = "admin"


@dataclass(frozen=True)
class Security:
    """Clients log in by SCRAM-SHA-512 or PLAIN, unencrypted, and may do what an ACL grants them.

    Passwords hold no quotes and no backslashes.
    """

    admin_password: str
    """Of the user `admin`, who may do everything."""
    passwords: Mapping[str, str]
    """Of the other users, by name."""

    def login(self, user: str, mechanism: str = "SCRAM-SHA-512") -> dict[str, str]:
        """Settings of a librdkafka client that acts as `user`."""
        return {
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": mechanism,
            "sasl.username": user,
            "sasl.password": self.everyone[user],
        }

    @property
    def everyone(self) -> dict[str, str]:
        return {ADMIN: self.admin_password, **self.passwords}

    def properties(self) -> str:
        """What a server.properties with the listeners CLIENTS and CONTROLLER needs."""
        known = " ".join(f'user_{user}="{password}"' for user, password in self.everyone.items())
        plain = (
            "org.apache.kafka.common.security.plain.PlainLoginModule required "
            f'username={ADMIN} password="{self.admin_password}" {known};'
        )
        scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        return f"""
listener.security.protocol.map=CLIENTS:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT
sasl.enabled.mechanisms=SCRAM-SHA-512,PLAIN
sasl.mechanism.inter.broker.protocol=PLAIN
sasl.mechanism.controller.protocol=PLAIN
listener.name.controller.sasl.enabled.mechanisms=PLAIN
listener.name.clients.plain.sasl.jaas.config={plain}
listener.name.controller.plain.sasl.jaas.config={plain}
listener.name.clients.scram-sha-512.sasl.jaas.config={scram}
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:{ADMIN}
"""

    def add_users(self, admin: AdminClient) -> None:
        """Lets the users log in by SCRAM, which the broker keeps with its topics; PLAIN is in its settings."""
        scram = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, iterations=4096)
        users: list[UserScramCredentialAlteration] = [
            UserScramCredentialUpsertion(user, scram, password.encode()) for user, password in self.everyone.items()
        ]
        for change in admin.alter_user_scram_credentials(users).values():
            change.result()

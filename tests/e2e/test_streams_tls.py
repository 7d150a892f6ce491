"""The streams role on a Kafka behind TLS, logging in by password and by OAuth tokens."""

import base64
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from schemas.topics import PATTERNS
from streams.broker import apache
from streams.broker.security import Security
from streams.topic_admin import TopicAdmin
from tests.certified import certified
from tests.query_log import CODEC, Outputs, batch, produce
from tests.streams_process import StreamsProcess

CLIENT, SECRET = "sidecar", "canary-of-a-client-secret"
MODULE = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule"


@dataclass(frozen=True)
class TlsSecurity(Security):
    """As its base, behind TLS; tokens without a signature are taken too."""

    certificate: Path
    key: Path

    def login(self, user: str, mechanism: str = "SCRAM-SHA-512") -> dict[str, str]:
        return {
            **super().login(user, mechanism),
            "security.protocol": "SASL_SSL",
            "ssl.ca.location": str(self.certificate),
        }

    def properties(self) -> str:
        chain, key = ("\\n".join(file.read_text().splitlines()) for file in (self.certificate, self.key))
        behind_tls = super().properties().replace("CLIENTS:SASL_PLAINTEXT", "CLIENTS:SASL_SSL")
        return f"""{behind_tls.replace("mechanisms=SCRAM-SHA-512,PLAIN", "mechanisms=SCRAM-SHA-512,PLAIN,OAUTHBEARER")}
listener.name.clients.oauthbearer.sasl.jaas.config={MODULE} required unsecuredLoginStringClaim_sub="admin";
ssl.keystore.type=PEM
ssl.keystore.certificate.chain={chain}
ssl.keystore.key={key}
ssl.truststore.type=PEM
ssl.truststore.certificates={chain}
"""


@pytest.fixture(scope="module")
def security(tmp_path_factory: pytest.TempPathFactory) -> TlsSecurity:
    return TlsSecurity("secret-of-admin", {"alice": "secret-of-alice"}, *certified(tmp_path_factory.mktemp("tls")))


@pytest.fixture(scope="module")
def servers(security: TlsSecurity, kafka: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """With the fixture `kafka` this is skipped where the parts of a real one cannot be had."""
    with apache.start(tmp_path_factory.mktemp("kafka"), progress=print, security=security) as broker:
        yield broker.bootstrap_servers


@pytest.fixture
def token_url() -> Iterator[str]:
    """Gives whoever has the secret a token for the user `admin`."""

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = self.rfile.read(int(self.headers["Content-Length"]))
            known = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
            if self.headers["Authorization"] != f"Basic {known}" or b"grant_type=client_credentials" not in form:
                self.send_error(401)
                return
            now = int(time.time())
            claims = {"sub": "admin", "iat": now, "exp": now + 300}
            parts = [
                base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in ({"alg": "none"}, claims)
            ]
            body = json.dumps({"access_token": b".".join([*parts, b""]).decode(), "expires_in": 300}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/token"
        server.shutdown()


@pytest.fixture
def logins(security: TlsSecurity, token_url: str) -> dict[str, dict[str, object]]:
    tls = {"tls": True, "tls_ca_file": security.certificate}
    return {
        "SCRAM-SHA-512": tls
        | {"sasl_mechanism": "SCRAM-SHA-512", "sasl_username": "admin", "sasl_password": security.admin_password},
        "OAUTHBEARER": tls
        | {
            "sasl_mechanism": "OAUTHBEARER",
            "oauth_token_url": token_url,
            "oauth_client_id": CLIENT,
            "oauth_client_secret": SECRET,
        },
    }


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-512", "OAUTHBEARER"])
def test_it_works_behind_tls_and_logs_no_secret(
    security: TlsSecurity,
    servers: str,
    logins: dict[str, dict[str, object]],
    mechanism: str,
    tmp_path: Path,
    topic_prefix: str,
) -> None:
    config: dict[str, Any] = {"bootstrap.servers": servers, **security.login("admin")}
    TopicAdmin(config, topic_prefix, topic_prefix).create()
    produce(config, topic_prefix, [CODEC.encode(batch("main", [1, 2]))] * 16)
    with StreamsProcess(
        tmp_path,
        bootstrap_servers=servers,
        topic_prefix=topic_prefix,
        group_prefix=topic_prefix,
        log_level="debug",
        **logins[mechanism],
    ) as process:
        assert len(Outputs(config, topic_prefix, PATTERNS).until(16)) == 16
        assert process.end() == 0
        assert SECRET not in process.output
        assert security.admin_password not in process.output


def test_an_authority_that_is_not_ours_is_not_trusted(
    servers: str, logins: dict[str, dict[str, object]], tmp_path: Path
) -> None:
    other, _ = certified(tmp_path / "other")
    login = logins["SCRAM-SHA-512"] | {"tls_ca_file": other}
    with StreamsProcess(tmp_path, bootstrap_servers=servers, **login) as process:
        assert "certificate verify failed" in process.waited("waiting for Kafka")["reason"]
        assert process.end() == 0

"""A Slack and a mail server on loopback: real HTTP and SMTP, which answer as they are told to."""

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from streams.notify.mail import Mail, Server
from streams.notify.slack import Slack
from streams.notify.telling import Sender

SECRET = "canary-of-a-receiver"  # noqa: S105
TAKES, TROUBLE, BUSY, SHUT, REFUSES, DROPS = "takes", "trouble", "busy", "shut", "refuses", "drops"
BUSY_S = 7


class LoopbackSlack:
    """`payloads` are what it was sent; `answers` what it does next, and then it takes all."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.payloads: list[dict[str, Any]] = []
        self.answers: list[str] = []
        slack = self

        class Webhook(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                assert self.path == f"/services/{SECRET}"
                slack.payloads.append(json.loads(body))
                match slack.answers.pop(0) if slack.answers else TAKES:
                    case "takes":
                        self._answer(200, b"ok")
                    case "trouble":
                        self._answer(500, b"rollback_error")
                    case "busy":
                        self._answer(429, b"", {"Retry-After": str(BUSY_S)})
                    case "refuses":
                        self._answer(400, b"invalid_payload")
                    case "shut":
                        self._answer(404, b"no_service")
                    case "drops":
                        self.close_connection = True

            def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
                self.send_response(status)
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Webhook)
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, args=[0.01], daemon=True).start()
        self.webhook = f"{'https' if tls else 'http'}://127.0.0.1:{self._server.server_port}/services/{SECRET}"
        self.sender: Sender = Slack(self.webhook)

    @property
    def read(self) -> list[str]:
        """Each message as a person sees it in the channel."""
        texts = ("\n".join(block["text"]["text"] for block in one["blocks"]) for one in self.payloads)
        return [text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") for text in texts]

    def stop(self) -> None:
        """May be called again."""
        self._server.shutdown()
        self._server.server_close()


class LoopbackMail:
    """`messages` are what it was sent; `answers` what it does next, and then it takes all."""

    def __init__(self, tls: ssl.SSLContext | None = None, *, implicit: bool = False) -> None:
        self.messages: list[EmailMessage] = []
        self.recipients: list[list[str]] = []
        self.answers: list[str] = []
        self.logins: list[LoginPassword] = []
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._controller = Controller(
            self, "127.0.0.1", self.port, ssl_context=tls if implicit else None, tls_context=None if implicit else tls,
            authenticator=self._login, auth_require_tls=False,
        )  # fmt: skip
        self._controller.start()
        self.sender: Sender = self.told_with("none")

    def told_with(self, security: str, username: str = "", password: str = "") -> Mail:
        server = Server("127.0.0.1", self.port, security, username, password)
        return Mail(server, "sidecar@example.com", "team@example.com")

    async def handle_DATA(self, smtp: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        message = message_from_bytes(envelope.content, policy=default)
        assert isinstance(message, EmailMessage)
        self.messages.append(message)
        self.recipients.append(envelope.rcpt_tos)
        match self.answers.pop(0) if self.answers else TAKES:
            case "trouble":
                return "451 local error in processing"
            case "busy":
                return "421 too many messages, try again later"
            case "refuses":
                return "554 refused as spam"
            case "shut":
                return "450 mailbox unavailable"
            case "drops":
                assert smtp.transport
                smtp.transport.abort()
        return "250 OK"

    @property
    def read(self) -> list[str]:
        """The text of each message."""
        return [one.get_body(("plain",)).get_content() for one in self.messages]  # type: ignore[union-attr]

    def _login(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        self.logins.append(data)
        return AuthResult(success=data.password == SECRET.encode(), handled=False)

    def stop(self) -> None:
        """May be called again."""
        if not self._controller.loop.is_closed():
            self._controller.stop()


Receiver = LoopbackSlack | LoopbackMail


@contextmanager
def receiver(name: str) -> Iterator[Receiver]:
    one: Receiver = LoopbackSlack() if name == "slack" else LoopbackMail()
    try:
        yield one
    finally:
        one.stop()

"""By mail, through one SMTP server."""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from uuid import NAMESPACE_URL, uuid5

import aiosmtplib
from jinja2 import Environment

from schemas.errors import DeliveryError

from .notices import Notice

TIMEOUT_S = 10
TLS_HINT = "is smtp_security what it offers? An authority of your own is named by the variable SSL_CERT_FILE"

_environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
HTML = _environment.from_string("""\
<!doctype html>
<html><body>
{% for one in notices %}
<h3>{{ one.title }}</h3>
{% for fact in one.facts %}
<p>{{ fact }}</p>
{% endfor %}
{% if one.sql %}
<pre>{{ one.sql | join(";\n") }};</pre>
{% endif %}
{% if one.command %}
<p><code>{{ one.command }}</code></p>
{% endif %}
{% if one.link %}
<p><a href="{{ one.link }}">look at it</a></p>
{% endif %}
{% endfor %}
</body></html>
""")


@dataclass(frozen=True, slots=True)
class Server:
    """`security` is "starttls", "tls" or "none"; without a `username` nobody logs in."""

    host: str
    port: int
    security: str
    username: str
    password: str = field(repr=False)


class Mail:
    name = "mail"

    def __init__(self, server: Server, sender: str, to: str) -> None:
        self._server = server
        self._sender = sender
        self._to = to

    async def send(self, notices: Sequence[Notice]) -> None:
        server, where = self._server, f"the mail server {self._server.host}:{self._server.port}"
        try:
            await aiosmtplib.send(
                self._message(notices),
                hostname=server.host,
                port=server.port,
                username=server.username or None,
                password=server.password or None,
                use_tls=server.security == "tls",
                start_tls=server.security == "starttls",
                timeout=TIMEOUT_S,
            )
        except aiosmtplib.SMTPAuthenticationError as error:
            raise DeliveryError(f"{where} does not let us in ({error.code}): see smtp_username and password") from None
        except aiosmtplib.SMTPRecipientsRefused as error:
            refused = error.recipients[0]
            raise DeliveryError(f"{where} refuses mail_to {self._to}: {refused.code} {refused.message}") from None
        except aiosmtplib.SMTPResponseException as error:
            is_final = isinstance(error, aiosmtplib.SMTPDataError) and error.code >= 500
            raise DeliveryError(f"{where} answers {error.code} {error.message[:100]}", is_final=is_final) from None
        except (aiosmtplib.SMTPException, OSError) as error:
            by_tls = any(isinstance(one, ssl.SSLError) for one in (error, error.__cause__))
            hint = f"; {TLS_HINT}" if by_tls else ""
            raise DeliveryError(f"{where} takes no mail: {str(error) or type(error).__name__}{hint}") from None

    def _message(self, notices: Sequence[Notice]) -> EmailMessage:
        message = EmailMessage(policy=SMTP)
        more = f" and {len(notices) - 1} more" if len(notices) > 1 else ""
        message["Subject"] = notices[0].title + more
        message["From"] = self._sender
        message["To"] = self._to
        message["Date"] = datetime.now(UTC)
        domain = self._sender.rpartition("@")[2]
        # the same when it is sent again, so that a mailbox may see that it has it
        message["Message-ID"] = f"<{uuid5(NAMESPACE_URL, ' '.join(one.id for one in notices))}@{domain}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content("\n\n".join(map(_text, notices)) + "\n", cte="quoted-printable")
        message.add_alternative(HTML.render(notices=notices), subtype="html", cte="quoted-printable")
        return message


def _text(notice: Notice) -> str:
    lines = [*notice.facts, *(f"  {one};" for one in notice.sql), *filter(None, (notice.command, notice.link))]
    return "\n".join([notice.title, *(f"  {line}" for line in lines)])

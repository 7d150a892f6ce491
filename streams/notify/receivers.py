"""Who is told, and at what pace, as the settings say."""

from datetime import timedelta
from functools import partial

from schemas.codec import Codec
from streams import connections
from streams.settings import Settings

from .inbox import Inbox
from .mail import Mail, Server
from .slack import Slack
from .telling import Reading, Sender, Telling
from .waiting import Pace


def senders(settings: Settings) -> list[Sender]:
    """Opens nothing."""
    found: list[Sender] = []
    if webhook := settings.slack_webhook_url.get_secret_value():
        found.append(Slack(webhook))
    if settings.mail_to:
        server = Server(
            host=settings.smtp_host,
            port=settings.smtp_port,
            security=settings.smtp_security,
            username=settings.smtp_username,
            password=settings.smtp_password.get_secret_value(),
        )
        found.append(Mail(server, settings.mail_from, settings.mail_to))
    return found


def tellings(settings: Settings, codec: Codec, reading: Reading) -> list[Telling]:
    """One for each receiver. Opens nothing; `reading` is that of the knowledge file."""
    kafka = connections.confluent_config(settings)
    pace = Pace(timedelta(seconds=settings.notify_digest_s), settings.notify_quiet, settings.notify_an_hour)
    found = []
    for sender in senders(settings):
        inbox = partial(Inbox, kafka, settings.topic_prefix, settings.group_prefix, sender.name, codec)
        found.append(Telling(sender, inbox, reading, pace, settings.page_url))
    return found

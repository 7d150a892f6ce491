"""To a channel of Slack, by its incoming webhook."""

import re
from collections.abc import Sequence

import aiohttp
from slack_sdk.webhook.async_client import AsyncWebhookClient

from schemas.errors import DeliveryError

from .notices import Notice

TIMEOUT_S = 10
LONGEST = 1100
"""Characters of the facts, and of the SQL: Slack takes a block of 3000."""
LONGEST_TITLE = 400
TOO_MANY = 429
REFUSED = (400, 413)
"""What Slack answers to a message that is at fault itself."""


class Slack:
    name = "slack"

    def __init__(self, webhook_url: str) -> None:
        # `Waiting` tries again: a handler of the client would, asleep, keep the sidecar from stopping
        self._client = AsyncWebhookClient(webhook_url, timeout=TIMEOUT_S, retry_handlers=[])

    async def send(self, notices: Sequence[Notice]) -> None:
        blocks = [
            {"type": "section", "text": {"type": "mrkdwn", "verbatim": True, "text": _text(one)}} for one in notices
        ]
        more = f" and {len(notices) - 1} more" if len(notices) > 1 else ""
        try:
            answer = await self._client.send(
                text=_escaped(notices[0].title) + more, blocks=blocks, unfurl_links=False, unfurl_media=False
            )
        except (aiohttp.ClientError, OSError) as error:
            # the text of others may hold the webhook, which is a secret
            reason = str(error) if isinstance(error, aiohttp.ClientConnectorError) else type(error).__name__
            raise DeliveryError(f"Slack cannot be reached: {reason}") from None
        if answer.status_code == TOO_MANY:
            raise DeliveryError("Slack asks us to wait", again_s=_seconds(answer.headers.get("Retry-After", "")))
        if answer.status_code != 200:
            is_final = answer.status_code in REFUSED
            hint = "" if is_final or answer.status_code >= 500 else ": set slack_webhook_url to one that Slack shows"
            reason = f"Slack answers {answer.status_code} {answer.body[:100]!r}{hint}"
            raise DeliveryError(reason, is_final=is_final)


def _text(notice: Notice) -> str:
    parts = [_cut(_escaped("\n".join(notice.facts)), LONGEST)] if notice.facts else []
    if notice.command:
        parts.append(f"`{_escaped(notice.command)}`")
    if notice.link:
        parts.append(f"<{_escaped(notice.link)}|look at it>")
    if notice.sql:
        parts.append(f"```{_cut(_escaped('; '.join(notice.sql)), LONGEST)}```")
    return "\n".join([f"*{_cut(_escaped(notice.title), LONGEST_TITLE)}*", *parts])


def _escaped(text: str) -> str:
    """As Slack asks for, so that no name is a mention, a link or a command of its markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _cut(escaped: str, longest: int) -> str:
    return escaped if len(escaped) <= longest else re.sub(r"&[a-z]*$", "", escaped[: longest - 1]) + "…"


def _seconds(text: str) -> float:
    return float(text) if re.fullmatch(r"[0-9]{1,6}", text) else 0.0

"""`sidecar run` tells people what comes, and `sidecar notify test` whether they can be told."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from schemas.topics import SUGGESTIONS
from tests.conftest import Kafka
from tests.contract.test_telling import committed
from tests.control_running import WAIT_S, Topics
from tests.receivers import BUSY, SECRET, SHUT, LoopbackMail, LoopbackSlack, receiver
from tests.streams_process import StreamsProcess
from tests.unit.test_notices import ONE


def eventually(found: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        if value := found():
            return value
        time.sleep(0.05)
    raise AssertionError("it never came")


def told_at(slack: LoopbackSlack, mail: LoopbackMail) -> dict[str, object]:
    return {
        "slack_webhook_url": slack.webhook, "mail_to": "team@example.com", "mail_from": "sidecar@example.com",
        "smtp_host": "127.0.0.1", "smtp_port": mail.port, "smtp_security": "none",
    }  # fmt: skip


def test_a_suggestion_comes_to_slack_and_by_mail_and_no_log_holds_the_webhook(
    kafka: Kafka, topic_prefix: str, tmp_path: Path
) -> None:
    topics = Topics(kafka.bootstrap_servers, topic_prefix)
    topics.create()
    with receiver("slack") as slack, receiver("mail") as mail:
        assert isinstance(slack, LoopbackSlack)
        assert isinstance(mail, LoopbackMail)
        mail.answers.append(BUSY)
        with StreamsProcess(
            tmp_path, "control", bootstrap_servers=kafka.bootstrap_servers, topic_prefix=topic_prefix,
            group_prefix=topic_prefix, notify_digest_s=0, log_level="debug", page_url="https://page.example",
            **told_at(slack, mail),
        ) as process:  # fmt: skip
            process.ready()
            eventually(lambda: committed(topics))
            topics.send(SUGGESTIONS, ONE)
            for text in eventually(lambda: slack.read and mail.read and [*slack.read, *mail.read]):
                assert "sales/main: suggested: Index orders.customer" in text
                assert f"https://page.example/suggestions/{ONE.suggestion_id}" in text
            sent = 'sidecar_notify_messages_total{outcome="sent",receiver="slack"}'
            eventually(lambda: process.metric(sent) == 1)
            assert process.waited("a receiver takes nothing, and is tried again")["receiver"] == "mail"
            assert process.end() == 0
            assert SECRET not in process.output


def notify_test(folder: Path, **settings: object) -> subprocess.CompletedProcess[str]:
    variables = {f"SIDECAR_{name.upper()}": str(value) for name, value in settings.items()}
    return subprocess.run(
        [sys.executable, "-m", "streams.cli", "notify", "test"], capture_output=True, text=True, check=False,
        cwd=folder, env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **variables},
    )  # fmt: skip


def test_a_trial_reaches_each_receiver_and_says_what_went_wrong(tmp_path: Path) -> None:
    with receiver("slack") as slack, receiver("mail") as mail:
        assert isinstance(slack, LoopbackSlack)
        assert isinstance(mail, LoopbackMail)
        slack.answers.append(SHUT)
        tried = notify_test(tmp_path, **told_at(slack, mail))
        assert (tried.returncode, tried.stdout.splitlines()) == (
            1,
            [
                "slack: failed: Slack answers 404 'no_service': set slack_webhook_url to one that Slack shows",
                "mail: sent",
            ],
        )
        assert "The DuckDB sidecar reaches you here" in mail.read[0]
        assert notify_test(tmp_path, **told_at(slack, mail)).returncode == 0
    nobody = notify_test(tmp_path)
    assert nobody.returncode == 1
    assert "SIDECAR_SLACK_WEBHOOK_URL" in nobody.stdout

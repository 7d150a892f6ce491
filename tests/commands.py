"""The command line in this process, on an installation of the tests; an error of ours is the result's exception."""

from collections.abc import Callable

import pytest
from click.testing import Result
from typer.testing import CliRunner

from streams.cli import cli
from tests.control_running import Topics


def commands(monkeypatch: pytest.MonkeyPatch, topics: Topics, **settings: object) -> Callable[..., Result]:
    ours = {
        "bootstrap_servers": topics.config["bootstrap.servers"],
        "topic_prefix": topics.prefix,
        "group_prefix": topics.prefix,
        **settings,
    }
    for name, value in ours.items():
        monkeypatch.setenv(f"SIDECAR_{name.upper()}", str(value))
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *arguments: CliRunner().invoke(cli, arguments)

"""The command line in this process, on an installation of the tests; an error of ours is the result's exception."""

import re
from collections.abc import Callable

import pytest
from click.testing import Result
from typer.testing import CliRunner

from streams.cli import cli
from streams.terminal import console
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
    monkeypatch.setattr(console, "width", 2000)
    return lambda *arguments: CliRunner().invoke(cli, arguments)


def cells(printed: str) -> list[list[str]]:
    """The rows of a table, its head first; cells that are empty are left out."""
    return [re.split(r" {2,}", line.strip()) for line in printed.splitlines()]

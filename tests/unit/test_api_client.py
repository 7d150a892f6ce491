"""Who asks the API from a terminal is told what is wrong, and what to do about it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from schemas.errors import ApiError, InputError, SettingsError
from streams.api_client import ApiClient, api_client
from streams.settings import Settings
from tests.loopback import Answer, answering


@pytest.fixture
def key(tmp_path: Path) -> Path:
    file = tmp_path / "api-key"
    file.write_text("prefix.secret\n")
    file.chmod(0o600)
    return file


def problem(status: int, detail: str) -> Answer:
    return status, {}, json.dumps({"type": "about:blank", "status": status, "detail": detail}).encode()


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (problem(401, "it is not known"), r"http://127.0.0.1:\d+ does not take the API key of .*api-key: it is not"),
        (problem(403, "no right to `suggest:read`"), "no right to `suggest:read`"),
        (problem(404, "nothing is served at /v1/suggestions here"), "nothing is served at /v1/suggestions here"),
        (problem(503, "the control process is not live yet: Kafka: away"), "is not live yet: Kafka: away"),
        ((200, {}, b"<html>"), "what answers at .* is no API of this release"),
        ((200, {}, b"{}"), "what answers at .* is no API of this release"),
        ((302, {"Location": "http://127.0.0.2"}, b""), "what answers at .* is no API of this release"),
        ((500, {}, b"[]"), "what answers at .* is no API of this release"),
    ],
)
def test_what_is_answered_is_told(answer: Answer, why: str, key: Path) -> None:
    with answering(lambda _: answer) as url, pytest.raises(ApiError, match=why):
        list(ApiClient(url, key).suggestions())


def test_where_nothing_answers_it_says_what_to_start(key: Path) -> None:
    with answering(lambda _: (200, {}, b"")) as url:
        pass
    with pytest.raises(ApiError, match=f"nothing answers at {url} .*: start `sidecar run`, or name where it runs by"):
        ApiClient(url, key).suggestion("ab")


def test_pages_are_followed_to_the_last(key: Path) -> None:
    asked: list[str] = []
    one = {
        "suggestion_id": "ab", "revision": 1, "product": "p", "database": "d", "analysis_id": "", "position": 1,
        "rule": "", "title": "", "speedup": None, "steps": 1, "time": "2026-11-29T12:00:00Z", "new": "later",
    }  # fmt: skip

    def answer(path: str) -> Answer:
        asked.append(path)
        page = {"items": [one], "next": "n=" if len(asked) == 1 else None}
        return 200, {}, json.dumps(page).encode()

    with answering(answer) as url:
        api = ApiClient(f"{url}/base/", key)
        assert [found.suggestion_id for found in api.suggestions("p", "a")] == ["ab", "ab"]
        assert asked == [
            "/base/v1/suggestions?limit=200&product=p&id=a", "/base/v1/suggestions?limit=200&product=p&id=a&cursor=n%3D"
        ]  # fmt: skip
        asked.clear()
        with pytest.raises(InputError, match="a names 2 suggestions: `sidecar suggestions` lists their ids"):
            api.suggestion("a")


def test_an_analysis_is_asked_for_in_words_and_a_text_too_long_is_told_before_it_is_sent(key: Path) -> None:
    with answering(lambda _: (202, {}, b'{"request_id": "0-1", "answered": false, "answers": []}')) as url:
        api = ApiClient(url, key)
        assert api.analyse("shop", "", "slow" * 500) == "0-1"
        assert api.analyse("shop", "", "\udce4 no character") == "0-1"
        with pytest.raises(InputError, match="the text has 2,001 characters: say it in 2,000"):
            api.analyse("shop", "", "x" * 2_001)


@pytest.mark.parametrize(
    ("break_it", "why"),
    [
        (lambda file: file.unlink(), "there is no API key in .*: `sidecar run` makes one in its data folder"),
        (lambda file: file.chmod(0o644), "others can read .*: chmod 600 it"),
        (lambda file: file.write_text(""), "holds no API key"),
        (lambda file: file.write_text("a\r\nX: y"), "holds no API key"),
        (lambda file: file.write_bytes(b"\xff"), "cannot be read"),
    ],
)
def test_a_key_that_cannot_be_used_is_told_before_anything_is_sent(
    break_it: Callable[[Path], object], why: str, key: Path
) -> None:
    break_it(key)
    with pytest.raises(SettingsError, match=why):
        ApiClient("http://127.0.0.1:1", key)


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({}, "http://127.0.0.1:8321"),
        ({"http_host": "0.0.0.0", "http_port": 1}, "http://127.0.0.1:1"),  # noqa: S104
        ({"http_host": "::"}, "http://[::1]:8321"),
        ({"http_host": "localhost", "http_certificate_file": "c", "http_key_file": "k"}, "https://localhost:8321"),
        ({"http_port": 0, "api_url": "https://sidecar.example/x"}, "https://sidecar.example/x"),
    ],
)
def test_this_machine_is_asked_where_no_other_is_named(given: dict[str, Any], url: str, key: Path) -> None:
    assert api_client(Settings(data_folder=key.parent, **given))._url == url


def test_a_port_that_nobody_knows_has_to_be_named(key: Path) -> None:
    with pytest.raises(SettingsError, match="http_port is 0, .*: set SIDECAR_API_URL"):
        api_client(Settings(data_folder=key.parent, http_port=0))

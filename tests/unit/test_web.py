import signal
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from schemas.errors import SettingsError
from streams import metrics
from streams.access import api_keys
from streams.access.api_keys import Scope
from streams.app import callers_of
from streams.settings import Settings
from streams.web import serving as web
from streams.web.probes import Readiness
from tests.certified import certified


@pytest.fixture
def readiness() -> Readiness:
    return Readiness("kafka", "streams")


@pytest.fixture
async def client(readiness: Readiness) -> AsyncIterator[httpx.AsyncClient]:
    bound = web.bind("127.0.0.1", 0)
    async with (
        web.serving(web.routes(readiness), bound),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{bound.getsockname()[1]}") as client,
    ):
        yield client


async def test_livez_answers_whatever_is_not_ready(client: httpx.AsyncClient) -> None:
    answer = await client.get("/livez")
    assert (answer.status_code, answer.json()) == (200, {"status": "alive"})


async def test_readyz_says_what_is_not_ready_until_all_is(client: httpx.AsyncClient, readiness: Readiness) -> None:
    answer = await client.get("/readyz")
    parts = {"kafka": "starting", "streams": "starting"}
    assert (answer.status_code, answer.json()) == (503, {"ready": False, "parts": parts})
    readiness.ready("kafka")
    readiness.waits("streams", "no right")
    answer = await client.get("/readyz")
    parts = {"kafka": "ready", "streams": "no right"}
    assert (answer.status_code, answer.json()) == (503, {"ready": False, "parts": parts})
    readiness.ready("streams")
    answer = await client.get("/readyz")
    parts = {"kafka": "ready", "streams": "ready"}
    assert (answer.status_code, answer.json()) == (200, {"ready": True, "parts": parts})


async def test_metrics_are_prometheus_with_base_units(client: httpx.AsyncClient, readiness: Readiness) -> None:
    readiness.ready("kafka")
    metrics.count("events", 3)
    answer = await client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    found = {family.name: family for family in text_string_to_metric_families(answer.text)}
    ready = {sample.labels["part"]: sample.value for sample in found["sidecar_ready"].samples}
    assert (ready["kafka"], ready["streams"]) == (1, 0)
    assert found["sidecar_events"].type == "counter"
    ours = [name for name in found if name.startswith("sidecar_")]
    assert len(ours) > 10
    assert [name for name in ours if name.endswith(("_ms", "_us", "_milliseconds", "_kb", "_mb"))] == []
    assert "process_resident_memory_bytes" in found


async def test_nothing_else_is_served(client: httpx.AsyncClient) -> None:
    for path in ("/", "/docs", "/openapi.json", "/redoc"):
        assert (await client.get(path)).status_code == 404


async def test_signals_stay_with_the_main_path(client: httpx.AsyncClient) -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    assert (await client.get("/livez")).status_code == 200
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


def test_an_address_that_is_taken_is_named_with_its_settings() -> None:
    with web.bind("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=f"http_host 127.0.0.1 and http_port {port} cannot be used: Address"):
            web.bind("127.0.0.1", port)


async def test_it_answers_over_tls_with_a_certificate(tmp_path: Path, readiness: Readiness) -> None:
    certificate, key = certified(tmp_path)
    bound = web.bind("127.0.0.1", 0)
    trusted = ssl.create_default_context(cafile=certificate)
    async with (
        web.serving(web.routes(readiness), bound, web.Tls(certificate, key)),
        httpx.AsyncClient(base_url=f"https://127.0.0.1:{bound.getsockname()[1]}", verify=trusted) as client,
    ):
        assert (await client.get("/livez")).json() == {"status": "alive"}
    with web.bind("127.0.0.1", 0) as bound, pytest.raises(SettingsError, match="http_certificate_file and http_key"):
        async with web.serving(web.routes(readiness), bound, web.Tls(key, key)):
            pass


def test_other_machines_are_let_in_only_where_somebody_there_has_a_key(tmp_path: Path) -> None:
    settings = Settings(data_folder=tmp_path)
    for host in ("127.0.0.1", "::1", "localhost"):
        callers_of(settings.model_copy(update={"http_host": host}))
    for host in ("0.0.0.0", "::", "10.0.0.1", "example.org"):  # noqa: S104
        with pytest.raises(SettingsError, match=f"http_host {host} is reached from other machines, and nobody there"):
            callers_of(settings.model_copy(update={"http_host": host}))
    api_keys.create(tmp_path, "ci", [Scope.READ])
    callers_of(settings.model_copy(update={"http_host": "0.0.0.0"}))  # noqa: S104

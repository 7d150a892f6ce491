"""The metrics of the models' worker, read off its own figures when Prometheus asks."""

from collections.abc import Iterator
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from inference.worker.client import Worker
from inference.worker.figures import Figures, Histogram
from streams.metrics import REGISTRY

HELP = {
    "sidecar_model_requests_total": "requests to the models, by kind: answered, cached, or refused and why",
    "sidecar_model_seconds": "from a request asked to its answer, cached ones too",
    "sidecar_model_batch_requests": "requests that were computed together",
    "sidecar_model_tokens_total": "tokens that language models generated",
    "sidecar_model_restarts_total": "workers that were lost, by why: ended, hung, grew",
    "sidecar_model_swaps_total": "models that were swapped for others",
    "sidecar_model_waiting_requests": "requests that no worker has yet",
    "sidecar_model_in_flight_requests": "requests that a worker has and has not answered yet",
    "sidecar_model_resident_bytes": "memory of the worker",
    "sidecar_model_cache_bytes": "answers that are kept",
}


class ModelCollector(Collector):
    """`of` is the worker, None where there is none: then there is nothing to tell."""

    of: Worker | None = None

    def collect(self) -> Iterator[Metric]:
        if self.of:
            yield from _metrics(self.of.figures)


MODEL = ModelCollector()
REGISTRY.register(MODEL)


def _metrics(of: Figures) -> Iterator[Metric]:
    requests = _counter("sidecar_model_requests_total", "kind", "outcome")
    for outcome, counts in (("answered", of.answered), ("cached", of.cached)):
        for kind, times in counts.items():
            requests.add_metric([kind, outcome], times)
    for (kind, error), times in of.refused.items():
        requests.add_metric([kind, error], times)
    yield requests
    yield _histogram("sidecar_model_seconds", of.seconds)
    yield _histogram("sidecar_model_batch_requests", of.batch)
    restarts = _counter("sidecar_model_restarts_total", "why")
    for why, times in of.restarts.items():
        restarts.add_metric([why], times)
    yield restarts
    for name, value in (("sidecar_model_tokens_total", of.tokens), ("sidecar_model_swaps_total", of.swaps)):
        one = _counter(name)
        one.add_metric([], value)
        yield one
    yield GaugeMetricFamily(name := "sidecar_model_waiting_requests", HELP[name], of.waiting)
    yield GaugeMetricFamily(name := "sidecar_model_in_flight_requests", HELP[name], of.in_flight)
    yield GaugeMetricFamily(name := "sidecar_model_resident_bytes", HELP[name], of.resident_bytes)
    yield GaugeMetricFamily(name := "sidecar_model_cache_bytes", HELP[name], of.cache_bytes)


def _counter(name: str, *labels: str) -> CounterMetricFamily:
    return CounterMetricFamily(name, HELP[name], labels=labels)


def _histogram(name: str, by_kind: dict[str, Histogram]) -> HistogramMetricFamily:
    found = HistogramMetricFamily(name, HELP[name], labels=["kind"])
    for kind, one in by_kind.items():
        bounds = [*map(str, one.bounds), "+Inf"]
        found.add_metric([kind], list(zip(bounds, accumulate(one.counts), strict=True)), one.sum)
    return found

"""The model server's Prometheus metrics: TensorFlow Serving's, under its names, and ours by version, API and status.

Registered where the caller says; nothing is global. Written from one thread (the server's event loop). Knows no HTTP.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

Labels: TypeAlias = tuple[str, ...]

TF_LATENCY_BOUNDS_US = tuple(10 * 1.8**power for power in range(33))
"""TensorFlow Serving's buckets (servables/tensorflow/util.cc)."""
LATENCY_BOUNDS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
ROW_BOUNDS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


@dataclass(slots=True)
class Distribution:
    """Counts of a histogram."""

    counts: list[int]
    total: float = 0.0


@dataclass(slots=True)
class Histogram:
    """A histogram by labels."""

    name: str
    documentation: str
    labels: Sequence[str]
    bounds: Sequence[float]
    values: dict[Labels, Distribution] = field(default_factory=dict)

    def observe(self, labels: Labels, value: float) -> None:
        """Count a value."""
        distribution = self.values.get(labels)
        if distribution is None:
            distribution = self.values[labels] = Distribution([0] * (len(self.bounds) + 1))
        distribution.counts[bisect_left(self.bounds, value)] += 1
        distribution.total += value

    def collect(self) -> Metric:
        """Return it as Prometheus wants it: cumulative."""
        metric = Metric(self.name, self.documentation, "histogram")
        for values, distribution in list(self.values.items()):
            labels = dict(zip(self.labels, values, strict=True))
            below = 0
            for bound, count in zip((*self.bounds, float("inf")), distribution.counts, strict=True):
                below += count
                limit = "+Inf" if bound == float("inf") else f"{bound:g}"
                metric.add_sample(f"{self.name}_bucket", {**labels, "le": limit}, below)
            metric.add_sample(f"{self.name}_sum", labels, distribution.total)
            metric.add_sample(f"{self.name}_count", labels, below)
        return metric


@dataclass(slots=True)
class Counter:
    """A counter by labels. Its samples have exactly its name: TensorFlow Serving adds no _total."""

    name: str
    documentation: str
    labels: Sequence[str]
    values: dict[Labels, int] = field(default_factory=dict)

    def add(self, labels: Labels, count: int = 1) -> None:
        """Count."""
        self.values[labels] = self.values.get(labels, 0) + count

    def collect(self) -> Metric:
        """Return it as Prometheus wants it."""
        return _scalars(self.name, self.documentation, self.labels, self.values)


class ServingMetrics(Collector):
    """All metrics of a model server. `gauges` gives those that are asked for when somebody looks."""

    def __init__(self, registry: CollectorRegistry, gauges: Callable[[], Iterable[Metric]] = tuple) -> None:
        self._gauges = gauges
        self._tf_requests = Counter(
            ":tensorflow:serving:request_count", "Requests, by outcome.", ("model_name", "status")
        )
        self._tf_latency = Histogram(
            ":tensorflow:serving:request_latency",
            "Time of a request in microseconds.",
            ("model_name", "API", "entrypoint"),
            TF_LATENCY_BOUNDS_US,
        )
        self._requests = Counter(
            "keepfit_requests_total", "Requests, by outcome.", ("model", "version", "api", "call", "status")
        )
        self._latency = Histogram(
            "keepfit_request_seconds",
            "Time of a request in seconds.",
            ("model", "version", "api", "call"),
            LATENCY_BOUNDS_S,
        )
        self._rows = Histogram("keepfit_batch_rows", "Rows of a batch as run.", ("model", "version"), ROW_BOUNDS)
        registry.register(self)

    def observe_request(self, model: str, version: str, api: str, call: str, status: str, seconds: float) -> None:
        """Count a request that was answered: api is REST or GRPC, call predict and so on, status TensorFlow's name."""
        self._tf_requests.add((model, status))
        self._requests.add((model, version, api, call, status))
        if status == "OK":
            self._tf_latency.observe((model, call, api), seconds * 1e6)
            self._latency.observe((model, version, api, call), seconds)

    def observe_batch(self, model: str, version: str, rows: int) -> None:
        """Count a batch that was sent to a worker."""
        self._rows.observe((model, version), rows)

    def collect(self) -> Iterable[Metric]:
        """Return everything (the registry calls this)."""
        for metric in (self._tf_requests, self._tf_latency, self._requests, self._latency, self._rows):
            yield metric.collect()
        yield from self._gauges()

    def describe(self) -> Iterable[Metric]:
        """Return nothing: names are not checked against others, and nothing is collected at registration."""
        return ()


def gauge(name: str, documentation: str, labels: Sequence[str], values: Mapping[Labels, float]) -> Metric:
    """Return a gauge with a value for each combination of labels."""
    return _scalars(name, documentation, labels, values, kind="gauge")


def _scalars(
    name: str, documentation: str, labels: Sequence[str], values: Mapping[Labels, float], kind: str = "unknown"
) -> Metric:
    metric = Metric(name, documentation, kind)
    for label_values, value in list(values.items()):
        metric.add_sample(name, dict(zip(labels, label_values, strict=True)), value)
    return metric

"""The model server's metrics: TensorFlow Serving's, under its names and units, and ours by version, signature and API.

Labels are names of served models, their versions and signatures only, so that clients cannot make new ones; of each
model the last versions are kept. Knows no HTTP.
"""

from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from keepfit.metrics import Counter, Distribution, Histogram, Labels
from keepfit.serving.metrics import bounds
from keepfit.serving.requests.timing import Timing, now

PHASES = ("parse", "queue", "run", "serialise")
KEPT_VERSIONS = 32
"""Of each model; the series of those that came before them end."""
MAX_KEPT = 256
"""Answered requests of a kind that are counted together: 0.7 µs for each of them instead of 5."""

_TF_CALLS: Mapping[str, str] = {
    "predict": "Predict",
    "classify": "Classify",
    "regress": "Regress",
    "multi_inference": "MultiInference",
}
"""What TensorFlow Serving calls the calls, but for the entry point of REST, where it writes them small."""


class _Series:
    """All that the answered requests of one kind count into. They are kept as they come, and counted many at a time."""

    def __init__(self, metrics: "ServingMetrics", labels: Labels) -> None:
        model, _, _, api, call = labels
        name = _TF_CALLS[call]
        self._answered: list[tuple[Timing, float]] = []
        self._metrics = metrics
        self._labels = labels
        self._latency = metrics.latency.at(labels)
        self._phases = tuple(metrics.phases.at((*labels, phase)) for phase in PHASES)
        self._tf_latency = metrics.tf_latency.at((model, call if api == "REST" else name, api))
        self._tf_runtime = metrics.tf_runtime.at((model, name, "TF1"))
        self._tf_queue = metrics.tf_queue.at((metrics.thread_pool,))
        self._examples: Distribution | None = None if call == "predict" else metrics.tf_examples.at((model,))

    def add(self, timing: Timing, ended: float) -> None:
        """Keep an answered request."""
        self._answered.append((timing, ended))
        if len(self._answered) == MAX_KEPT:
            self.count()

    def count(self) -> None:
        """Count the requests that were kept."""
        if not self._answered:
            return
        answered, self._answered = self._answered, []
        model = self._labels[0]
        self._metrics.requests.add((*self._labels, "OK"), len(answered))
        if model:
            self._metrics.tf_requests.add((model, "OK"), len(answered))
        latencies = [ended - timing.started for timing, ended in answered]
        runs = [timing.run_s for timing, _ in answered]
        queues = [max(timing.answered - timing.queued - timing.run_s, 0.0) for timing, _ in answered]
        self._latency.add_all(latencies)
        self._tf_latency.add_all([seconds * 1e6 for seconds in latencies])
        self._tf_runtime.add_all([seconds * 1e6 for seconds in runs])
        self._tf_queue.add_all([seconds * 1e6 for seconds in queues])
        parse, queue, run, serialise = self._phases
        parse.add_all([timing.queued - timing.started for timing, _ in answered])
        queue.add_all(queues)
        run.add_all(runs)
        serialise.add_all([ended - timing.answered for timing, ended in answered])
        if self._examples is not None:
            rows = [timing.rows for timing, _ in answered]
            self._examples.add_all(rows)
            self._metrics.tf_example_total.add((model,), sum(rows))


class ServingMetrics(Collector):
    """All metrics of a model server. `gauges` gives those that are asked for when somebody looks.

    `thread_pool` is what TensorFlow Serving would call the threads that run batches.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        gauges: Callable[[], Iterable[Metric]] = tuple,
        thread_pool: str = "",
    ) -> None:
        self._gauges = gauges
        self.thread_pool = thread_pool
        self.tf_requests = Counter(
            ":tensorflow:serving:request_count", "Requests, by outcome.", ("model_name", "status")
        )
        self.tf_latency = Histogram(
            ":tensorflow:serving:request_latency",
            "Time of a request that was answered, in microseconds.",
            ("model_name", "API", "entrypoint"),
            bounds.TF_LATENCY_US,
        )
        self.tf_runtime = Histogram(
            ":tensorflow:serving:runtime_latency",
            "Time in which the model ran for a request, in microseconds.",
            ("model_name", "API", "runtime"),
            bounds.TF_LATENCY_US,
        )
        self.tf_examples = Histogram(
            ":tensorflow:serving:request_example_counts", "Examples of a request.", ("model",), bounds.TF_EXAMPLES
        )
        self.tf_example_total = Counter(
            ":tensorflow:serving:request_example_count_total", "Examples of all requests.", ("model",)
        )
        self.tf_queue = Histogram(
            ":tensorflow:serving:batching_session:queuing_latency",
            "Time of a request in the queue, in microseconds.",
            ("thread_pool_name",),
            bounds.TF_QUEUE_US,
        )
        self.tf_runs = Counter(":tensorflow:serving:batching_session:wrapped_run_count", "Batches that were run.", ())
        self.tf_graph_runs = Counter(":tensorflow:core:graph_runs", "Runs of a model that succeeded.", ())
        self.tf_graph_run_us = Counter(
            ":tensorflow:core:graph_run_time_usecs", "Time of all runs of a model, in microseconds.", ()
        )
        self.tf_graph_run_times = Histogram(
            ":tensorflow:core:graph_run_time_usecs_histogram",
            "Time of a run of a model, in microseconds.",
            (),
            bounds.TF_RUN_US,
        )
        self._run_times: list[float] = []
        by_request = ("model", "version", "signature", "api", "call")
        self.requests = Counter("keepfit_requests_total", "Requests, by outcome.", (*by_request, "status"))
        self.refused = Counter(
            "keepfit_refused_requests_total", "Requests that were not let in, by reason.", ("api", "status")
        )
        self.latency = Histogram(
            "keepfit_request_seconds", "Time of a request that was answered.", by_request, bounds.LATENCY_S
        )
        self.phases = Histogram(
            "keepfit_request_phase_seconds",
            "Where that time went: parse, queue, run, serialise.",
            (*by_request, "phase"),
            bounds.PHASE_S,
        )
        self.rows = Histogram("keepfit_batch_rows", "Rows of a batch as run.", ("model", "version"), bounds.ROWS)
        self._series: dict[Labels, _Series] = {}
        self._versions: dict[str, list[str]] = {}
        registry.register(self)

    def observe_request(self, model: str, api: str, call: str, status: str, timing: Timing) -> None:
        """Count a request that has its answer now.

        `api` is REST or GRPC, `call` predict, classify, regress or multi_inference, `status` TensorFlow's name; an
        empty model stands for those that are not served.
        """
        ended = now()
        labels = (model, timing.version, timing.signature, api, call)
        if status == "OK":
            (self._series.get(labels) or self._new_series(labels)).add(timing, ended)
            return
        self._note_version(labels)
        self.requests.add((*labels, status))
        if model:
            self.tf_requests.add((model, status))

    def observe_batch(self, model: str, version: str, rows: int) -> None:
        """Count a batch that was sent to a worker."""
        self.rows.at((model, version)).add(rows)
        self.tf_runs.add(())

    def observe_run(self, run_s: float) -> None:
        """Count a run of a model for a batch."""
        self._run_times.append(run_s)
        if len(self._run_times) == MAX_KEPT:
            self._count_runs()

    def observe_refused(self, api: str, status: str) -> None:
        """Count a request that was not let in: no key, too large, too many at once."""
        self.refused.add((api, status))

    def collect(self) -> Iterable[Metric]:
        """Return everything (the registry calls this)."""
        for series in self._series.values():
            series.count()
        self._count_runs()
        for value in vars(self).values():
            if isinstance(value, Counter | Histogram):
                yield value.collect()
        yield from self._gauges()

    def total(self, name: str) -> int:
        """Return the sum of a counter that is named as TensorFlow does, with slashes; 0 if there is none."""
        printed = name.replace("/", ":")
        counters = [metric for metric in self.collect() if metric.type == "counter" and metric.name == printed]
        return int(sum(sample.value for metric in counters for sample in metric.samples))

    def describe(self) -> Iterable[Metric]:
        """Return nothing: names are not checked against others, and nothing is collected at registration."""
        return ()

    def _count_runs(self) -> None:
        times, self._run_times = [seconds * 1e6 for seconds in self._run_times], []
        self.tf_graph_runs.add((), len(times))
        self.tf_graph_run_us.add((), round(sum(times)))
        self.tf_graph_run_times.at(()).add_all(times)

    def _new_series(self, labels: Labels) -> _Series:
        self._note_version(labels)
        series = self._series[labels] = _Series(self, labels)
        return series

    def _note_version(self, labels: Labels) -> None:
        model, version = labels[:2]
        versions = self._versions.setdefault(model, [])
        if version and version not in versions:
            versions.append(version)
            if len(versions) > KEPT_VERSIONS:
                self._forget(model, versions.pop(0))

    def _forget(self, model: str, version: str) -> None:
        """End the series of a version, which is long gone."""
        for series in self._series.values():
            series.count()
        held: tuple[dict[Labels, _Series] | dict[Labels, int] | dict[Labels, Distribution], ...] = (
            self._series,
            self.requests.values,
            self.latency.values,
            self.phases.values,
            self.rows.values,
        )
        for values in held:
            for labels in [labels for labels in values if labels[:2] == (model, version)]:
                del values[labels]

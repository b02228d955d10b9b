"""The metrics that are looked up when somebody asks for them: what is served, waits and is held just now.

Knows no HTTP, and counts nothing itself.
"""

from collections.abc import Iterable, Iterator

import psutil
from prometheus_client.core import Metric

from keepfit.metrics import Counter, Histogram, Labels, gauge
from keepfit.serving.metrics import bounds
from keepfit.serving.models.models import Models
from keepfit.serving.models.policy import State
from keepfit.serving.models.servable import Servable
from keepfit.serving.requests.admission import Admission

_VERSION = ("model", "version")


def gauges(models: Models, admission: Admission) -> Iterable[Metric]:
    """Return all of them."""
    yield gauge("keepfit_requests_in_flight", "Requests that are being answered.", (), {(): admission.requests})
    yield gauge("keepfit_held_bytes", "Bytes of bodies that arrived in parts.", (), {(): admission.held_bytes})
    servables = list(_servables(models))
    yield gauge(
        "keepfit_version_available",
        "1 for each version that answers requests.",
        _VERSION,
        {_labels(one): 1 for one in servables if one.state is State.AVAILABLE},
    )
    yield gauge(
        "keepfit_queued_requests",
        "Requests that wait for a version.",
        _VERSION,
        {_labels(one): one.batcher.waiting for one in servables if one.state is State.AVAILABLE},
    )
    yield Counter(
        "keepfit_worker_restarts_total",
        "How often a process of a version died and was started again.",
        _VERSION,
        {_labels(one): one.restarts for one in servables},
    ).collect()
    yield gauge(
        "keepfit_worker_memory_bytes",
        "Resident memory of a version's processes; what all of them share counts in each.",
        _VERSION,
        {_labels(one): size for one in servables if (size := sum(map(_resident_bytes, one.pids)))},
    )
    yield from _loads(servables)


def _loads(servables: list[Servable]) -> Iterable[Metric]:
    """Return TensorFlow's own metrics of loading, and ours."""
    loaded = [one for one in servables if one.loads]
    yield gauge(
        "keepfit_load_seconds",
        "Time of the last load of a version, with its warmup.",
        _VERSION,
        {_labels(one): one.load_s for one in loaded},
    )
    yield Counter(
        ":tensorflow:cc:saved_model:load_latency",
        "Time of all loads of a version, in microseconds.",
        ("model_path",),
        {(str(one.path),): int(one.graph_load_s * 1e6) for one in loaded},
    ).collect()
    attempts: dict[Labels, int] = {(str(one.path), "success"): one.loads for one in loaded}
    attempts |= {(str(one.path), "fail"): one.failed_loads for one in servables if one.failed_loads}
    yield Counter(
        ":tensorflow:cc:saved_model:load_attempt_count", "Loads of a version.", ("model_path", "status"), attempts
    ).collect()
    yield Histogram(
        ":tensorflow:serving:model_warmup_latency",
        "Time of a version's warmup requests, in microseconds.",
        ("model_path", "status"),
        bounds.TF_LATENCY_US,
        {(str(one.path), "OK"): one.warmup_us for one in loaded if any(one.warmup_us.counts)},
    ).collect()


def _servables(models: Models) -> Iterator[Servable]:
    for manager in models:
        yield from manager.servables


def _labels(servable: Servable) -> tuple[str, str]:
    return servable.model, str(servable.version)


def _resident_bytes(pid: int) -> int:
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0  # it has just ended

"""Prints metrics in Prometheus's text form, and the type of a counter beside its own name, as TensorFlow Serving does.

prometheus_client would call it NAME_total there. Knows nothing of what is counted, and no HTTP.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_IN_HELP: Final = str.maketrans({"\\": r"\\", "\n": r"\n"})
_IN_LABEL: Final = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})


def text_of(collector: Collector) -> bytes:
    """Return all metrics of a collector."""
    return "".join(line for metric in collector.collect() for line in _lines(metric)).encode()


def _lines(metric: Metric) -> Iterator[str]:
    name = _name(metric)
    yield f"# HELP {name} {metric.documentation.translate(_IN_HELP)}\n"
    yield f"# TYPE {name} {'untyped' if metric.type == 'unknown' else metric.type}\n"
    for sample in metric.samples:
        yield f"{sample.name}{_labels(sample.labels)} {_number(sample.value)}\n"


def _name(metric: Metric) -> str:
    """Return the name of a metric's samples: prometheus_client's own counters leave out what it ends in."""
    total = f"{metric.name}_total"
    is_theirs = metric.type == "counter" and any(sample.name == total for sample in metric.samples)
    return total if is_theirs else metric.name


def _labels(labels: Mapping[str, str]) -> str:
    pairs = ",".join(f'{name}="{value.translate(_IN_LABEL)}"' for name, value in labels.items())
    return f"{{{pairs}}}" if pairs else ""


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else repr(float(value)).replace("inf", "Inf").replace("nan", "NaN")

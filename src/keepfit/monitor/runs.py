"""The figures of retraining runs: how the last one ended, when one last succeeded, rejections in a row. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from prometheus_client.core import CounterMetricFamily, Metric

from keepfit.ledger import ENDINGS, Event, Kind
from keepfit.metrics import gauge

RETRAININGS: tuple[Kind, ...] = tuple(kind for kind in ENDINGS if kind != "staged")
"""How a retraining run can end; `staged` is the end of a training that was to publish nothing."""
JUDGED: tuple[Kind, ...] = ("promoted", "rejected", "inconclusive")
"""A run that came as far as a verdict, whatever that was, did what it was there for."""
PUBLISHED: tuple[Kind, ...] = ("promoted", "overridden")
NEVER = 0.0
"""The time of what has not happened: an alert on its age fires."""


def run_metrics(model: str, events: Sequence[Event]) -> Iterable[Metric]:
    """Return all of them, from the ledger's events in their order."""
    endings = [event for event in events if event.kind in RETRAININGS]
    last = endings[-1] if endings else None
    yield _time("keepfit_last_successful_retraining_timestamp_seconds", _SUCCESSFUL, model, _last(endings, JUDGED))
    yield _time("keepfit_last_promotion_timestamp_seconds", _PROMOTION, model, _last(events, PUBLISHED))
    yield _time("keepfit_last_run_timestamp_seconds", "When the last retraining run ended; 0: never.", model, last)
    yield gauge(
        "keepfit_last_run_verdict",
        "1 for how the last retraining run ended, 0 for the other ways.",
        ("model", "verdict"),
        {(model, kind): float(last is not None and last.kind == kind) for kind in RETRAININGS},
    )
    yield _counts(model, endings)
    yield gauge(
        "keepfit_consecutive_rejections",
        "Candidates that were rejected since the last one that was published.",
        ("model",),
        {(model,): consecutive_rejections(events)},
    )
    yield from _durations(model, events, last)


def consecutive_rejections(events: Sequence[Event]) -> int:
    """How many candidates were rejected since the last publication; runs without a verdict count neither way."""
    count = 0
    for event in reversed(events):
        if event.kind in PUBLISHED:
            break
        count += event.kind == "rejected"
    return count


def _counts(model: str, endings: Sequence[Event]) -> Metric:
    family = CounterMetricFamily("keepfit_runs", "Retraining runs that ended, by how.", labels=("model", "verdict"))
    counts = Counter(event.kind for event in endings)
    for kind in RETRAININGS:
        family.add_metric((model, kind), counts[kind])
    return family


def _durations(model: str, events: Sequence[Event], last: Event | None) -> Iterable[Metric]:
    if last is None:
        return
    started = next((event for event in events if event.kind == "started" and event.run == last.run), None)
    if started is not None:
        seconds = (last.at - started.at).total_seconds()
        yield gauge("keepfit_last_run_seconds", "How long the last run took.", ("model",), {(model,): seconds})
    stages = last.details.get("durations_s")
    if isinstance(stages, Mapping):
        yield gauge(
            "keepfit_last_run_stage_seconds",
            "How long each stage of the last run took.",
            ("model", "stage"),
            {(model, str(stage)): float(seconds) for stage, seconds in stages.items() if is_number(seconds)},
        )


def is_number(value: Any) -> bool:
    """Whether it is a number, which true and false are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def last_time(events: Sequence[Event], kinds: Sequence[Kind]) -> float:
    """When something of these kinds last happened, in seconds since 1970; 0 if it never did."""
    event = _last(events, kinds)
    return NEVER if event is None else event.at.timestamp()


def _last(events: Sequence[Event], kinds: Sequence[Kind]) -> Event | None:
    return next((event for event in reversed(events) if event.kind in kinds), None)


def _time(name: str, documentation: str, model: str, event: Event | None) -> Metric:
    return gauge(name, documentation, ("model",), {(model,): NEVER if event is None else event.at.timestamp()})


_SUCCESSFUL = "When a retraining run last ended with a verdict, whatever that was; 0: never."
_PROMOTION = "When a candidate was last published, by the gate or by a person; 0: never."

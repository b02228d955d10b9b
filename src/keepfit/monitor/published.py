"""The figures of versions: which one is current, since when, how good each is, and what was taken back. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from prometheus_client.core import CounterMetricFamily, Metric

from keepfit.ledger import Event, deployments
from keepfit.metrics import Labels, gauge
from keepfit.monitor.runs import JUDGED, NEVER, PUBLISHED, is_number, last_time

SHOWN_VERSIONS = 20
"""The newest so many have figures of their own, so that the number of series has a bound."""
_BY_RULE = ("model", "version", "rule", "subject")


def version_metrics(model: str, events: Sequence[Event], current: int | None) -> Iterable[Metric]:
    """Return all of them; `current` is the highest visible version, None if there is none."""
    one = ("model",)
    published = _published(events)
    yield gauge("keepfit_current_version", "The version to be served; 0: none yet.", one, {(model,): current or 0})
    created = published.get(current) if current is not None else None
    since = [deployment.since for deployment in deployments(events) if deployment.version == current]
    if created is not None:
        yield gauge(
            "keepfit_current_version_created_timestamp_seconds",
            "When the current version was published first, which is when its data was new.",
            one,
            {(model,): created.at.timestamp()},
        )
    if since:
        yield gauge(
            "keepfit_current_version_since_timestamp_seconds",
            "Since when it is the current one.",
            one,
            {(model,): since[-1].timestamp()},
        )
    yield from _rollbacks(model, events)
    yield from _quality(model, published)
    yield from _last_candidate(model, events)


def _published(events: Sequence[Event]) -> dict[int, Event]:
    """How each version came into the world, the newest versions only."""
    found = {event.version: event for event in events if event.kind in PUBLISHED and event.version is not None}
    return {version: found[version] for version in sorted(found)[-SHOWN_VERSIONS:]}


def _rollbacks(model: str, events: Sequence[Event]) -> Iterable[Metric]:
    family = CounterMetricFamily("keepfit_rollbacks", "How often versions were taken back.", labels=("model",))
    family.add_metric((model,), sum(event.kind == "rolled_back" for event in events))
    yield family
    yield gauge(
        "keepfit_last_rollback_timestamp_seconds",
        "When versions were last taken back; 0: never.",
        ("model",),
        {(model,): last_time(events, ("rolled_back",)) or NEVER},
    )


def _quality(model: str, published: Mapping[int, Event]) -> Iterable[Metric]:
    measures: dict[Labels, float] = {}
    values: dict[Labels, float] = {}
    bounds: dict[Labels, float] = {}
    for version, event in published.items():
        for measure, value in _measures(event.details):
            measures[model, str(version), measure] = value
        for rule in _rules(event.details):
            labels = (model, str(version), str(rule.get("rule")), str(rule.get("subject") or ""))
            bound = rule.get("bound")
            if is_number(rule.get("value")):
                values[labels] = rule["value"]
            if isinstance(bound, Mapping) and is_number(bound.get("value")):
                bounds[labels] = bound["value"]
    yield gauge(
        "keepfit_version_measure",
        "What a version reached on its holdout, by measure.",
        ("model", "version", "measure"),
        measures,
    )
    yield gauge("keepfit_gate_value", "What the gate's rule found of a version.", _BY_RULE, values)
    yield gauge("keepfit_gate_bound", "What the gate's rule asked of it.", _BY_RULE, bounds)


def _last_candidate(model: str, events: Sequence[Event]) -> Iterable[Metric]:
    judged = next((event for event in reversed(events) if event.kind in JUDGED), None)
    if judged is not None:
        yield gauge(
            "keepfit_last_candidate_measure",
            "What the last candidate reached on its holdout, promoted or not.",
            ("model", "measure"),
            {(model, measure): value for measure, value in _measures(judged.details)},
        )


def _measures(details: Mapping[str, Any]) -> Iterable[tuple[str, float]]:
    evaluation = details.get("evaluation")
    if isinstance(evaluation, Mapping):
        for measure, value in evaluation.items():
            if is_number(value):
                yield str(measure), float(value)


def _rules(details: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    verdict = details.get("verdict")
    rules = verdict.get("rules") if isinstance(verdict, Mapping) else None
    return [rule for rule in rules if isinstance(rule, Mapping)] if isinstance(rules, list) else []

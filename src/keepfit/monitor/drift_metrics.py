"""The figures of drift, from the records of runs. Pure; decides nothing."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from prometheus_client.core import Metric

from keepfit.drift.alarm import alarming_columns
from keepfit.ledger import Event
from keepfit.metrics import Labels, gauge
from keepfit.monitor.runs import NEVER, is_number

SHOWN_COLUMNS = 50
"""Of a comparison, those that differ most clearly; a record has them in that order."""


def drift_metrics(model: str, events: Sequence[Event], current: int | None) -> Iterable[Metric]:
    """Return the last comparison, and the alarm for each of its columns."""
    compared = [event for event in events if _record(event)]
    last = compared[-1] if compared else None
    record = _record(last) if last is not None else {}
    yield gauge(
        "keepfit_drift_compared_timestamp_seconds",
        "When a run's data was last compared with what the served version learned from; 0: never.",
        ("model",),
        {(model,): NEVER if last is None else last.at.timestamp()},
    )
    if last is None:
        return
    yield gauge(
        "keepfit_drift_rows",
        "Rows of the two samples that were compared.",
        ("model", "sample"),
        {(model, "reference"): record.get("reference_rows", 0), (model, "current"): record.get("rows", 0)},
    )
    shown = _shown(record)
    for name, key, documentation in (
        ("keepfit_drift_p_value", "p_value", "How likely chance alone makes such a difference, adjusted (Holm)."),
        ("keepfit_drift_effect", "effect", "How much a column differs, between 0 and 1."),
        ("keepfit_drift_significant", "drifted", "1 for a column that differed in the last comparison."),
    ):
        values: dict[Labels, float] = {
            (model, str(finding["column"]), str(finding["test"])): float(finding[key]) for finding in shown
        }
        yield gauge(name, documentation, ("model", "column", "test"), values)
    alarming = alarming_columns([_record(event) for event in compared], current)
    columns = dict.fromkeys([*alarming, *(str(finding["column"]) for finding in shown)])
    yield gauge(
        "keepfit_drift_alarm",
        "1 for a column that differed in two comparisons in a row.",
        ("model", "column"),
        {(model, column): float(column in alarming) for column in columns},
    )


def _record(event: Event) -> Mapping[str, Any]:
    """What a run recorded of a comparison, {} if it made none."""
    found = event.details.get("drift")
    return found if isinstance(found, Mapping) and isinstance(found.get("findings"), list) and found["findings"] else {}


def _shown(record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    findings = [finding for finding in record["findings"] if is_number(finding.get("p_value"))]
    return findings[:SHOWN_COLUMNS]

"""Events as runs leave them, and samples as tests compare them."""

from datetime import UTC, datetime, timedelta

from keepfit.ledger import Event

BEGAN = datetime(2026, 3, 1, 2, tzinfo=UTC)

DRIFT = {
    "reference_version": 1,
    "fingerprint": "one",
    "reference_rows": 5000,
    "rows": 800,
    "findings": [
        {"column": "age", "test": "ks", "p_value": 0.001, "effect": 0.3, "drifted": True},
        {"column": "city", "test": "chi2", "p_value": 0.7, "effect": 0.02, "drifted": False},
    ],
}
JUDGED = {
    "evaluation": {"task": "binary", "finite": True, "accuracy_percent": 98.5, "confusion": [[1, 0], [0, 1]]},
    "durations_s": {"data": 1.5},
    "verdict": {
        "rules": [
            {"rule": "min_accuracy_percent", "subject": "", "value": 98.5, "bound": {"value": 97.0}},
            {"rule": "slice", "subject": "age < 30", "value": 91.0, "bound": None},
            {"rule": "finite_predictions", "subject": "", "value": None, "bound": None},
        ]
    },
}


def event(kind, run=None, version=None, *, hours=0.0, **details):
    return Event(BEGAN + timedelta(hours=hours), kind, run, version, "because", details)


def samples(metrics):
    """Values by name and label values, in the labels' alphabetical order, without the model's."""
    return {
        (sample.name, *(value for label, value in sorted(sample.labels.items()) if label != "model")): sample.value
        for metric in metrics
        for sample in metric.samples
    }

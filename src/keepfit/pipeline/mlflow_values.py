"""What MLflow is given of a run as params and metrics, by MLflow's rules for names and sizes. Pure."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

LOGGED = "logged: "
"""Begins the line by which mlflow_log.py says that an event, whose id follows, is at the server."""
_LONGEST_PARAM = 6000
_LONGEST_NAME = 250

Point = tuple[str, float, int]
"""A metric: name, value and step."""


def params(run: Mapping[str, Any]) -> dict[str, str]:
    """The config with dotted names, seed, fingerprint of the data, commit and trigger; what is unknown is left out."""
    metrics = run["metrics"]
    known = {
        "seed": metrics.get("seed"),
        "data_fingerprint": (metrics.get("dataset") or {}).get("fingerprint"),
        "git_commit": (metrics.get("git") or {}).get("commit"),
        "git_dirty": (metrics.get("git") or {}).get("dirty"),
        "trigger": run["trigger"] or None,
    }
    found = dict(_flat(run["config"], "config."))
    return found | {name: _text(value) for name, value in known.items() if value is not None}


def points(metrics: Mapping[str, Any]) -> list[Point]:
    """Accuracy and its bounds, losses, the curves by epoch, and what each rule measured; only finite numbers."""
    low, high = metrics.get("test_accuracy_interval_percent") or (None, None)
    single = {
        "test_accuracy_percent": metrics.get("test_accuracy_percent"),
        "test_accuracy_low_percent": low,
        "test_accuracy_high_percent": high,
        "test_loss": metrics.get("test_loss"),
        "training_loss": metrics.get("training_loss"),
    }
    for rule in (metrics.get("verdict") or {}).get("rules", ()):
        single[_rule_name(rule)] = rule.get("value")
    curves = [
        (f"epoch_{_name(name)}", value, step)
        for name, values in (metrics.get("curves") or {}).items()
        for step, value in enumerate(values, start=1)
    ]
    found = [*((name, value, 0) for name, value in single.items()), *curves]
    return [(name, float(value), step) for name, value, step in found if _is_finite(value)]


def _flat(section: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for key, value in section.items():
        name = _name(f"{prefix}{key}")
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{name}.")
        else:
            yield name, _text(value)


def _text(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text[:_LONGEST_PARAM]


def _rule_name(rule: Mapping[str, Any]) -> str:
    return _name(f"rule.{rule['rule']}" + (f".{rule['subject']}" if rule.get("subject") else ""))


def _name(text: str) -> str:
    # a slash would make folders of it, and "a//b" is refused
    return re.sub(r"[^\w\-. ]", "_", text, flags=re.ASCII)[:_LONGEST_NAME]


def _is_finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)

"""How two runs differ: what they reached, by which data, config, code and libraries. Pure: two metrics.json in."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

_MEASURES = {
    "test_accuracy_percent": "accuracy, %",
    "test_loss": "test loss",
    "training_loss": "training loss",
    "r2": "R²",
    "rmse": "RMSE",
    "mae": "MAE",
    "training": "training, s",
}


@dataclass(frozen=True)
class Difference:
    """The same thing in both; `change` is b minus a for numbers, else None."""

    name: str
    a: Any
    b: Any
    change: float | None = None


@dataclass(frozen=True)
class Comparison:
    """`measures` and `rules` are all that either has; the others only what differs."""

    measures: tuple[Difference, ...]
    rules: tuple[Difference, ...]
    data: tuple[Difference, ...]
    config: tuple[Difference, ...]
    environment: tuple[Difference, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)


def compare(a: Mapping[str, Any], b: Mapping[str, Any]) -> Comparison:
    """Compare two metrics.json; what one lacks is None there."""
    return Comparison(
        measures=tuple(_pairs(_measures(a), _measures(b))),
        rules=tuple(_pairs(_rules(a), _rules(b))),
        data=tuple(_unequal(_data(a), _data(b))),
        config=tuple(_unequal(flat(a.get("config") or {}), flat(b.get("config") or {}))),
        environment=tuple(_unequal(environment(a), environment(b))),
    )


def environment(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """What it was made with: seed, code, libraries and machine, flat."""
    parts = {name: metrics[name] for name in ("git", "code", "libraries", "machine") if metrics.get(name)}
    seed = {} if metrics.get("seed") is None else {"seed": str(metrics["seed"])}  # a name more than a number
    return {**seed, **flat(parts)}


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one, the keys joined by dots."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        found |= flat(value, f"{name}.") if isinstance(value, Mapping) and value else {name: value}
    return found


def _measures(metrics: Mapping[str, Any]) -> dict[str, Any]:
    found = {**metrics, **metrics.get("durations_s", {}), **metrics.get("evaluation", {})}
    return {title: found[key] for key, title in _MEASURES.items() if found.get(key) is not None}


def _rules(metrics: Mapping[str, Any]) -> dict[str, Any]:
    verdict = metrics.get("verdict") or {}
    found = {"verdict": verdict.get("decision")} if verdict else {}
    for rule in verdict.get("rules", ()):
        name = f"{rule['rule']} {rule.get('subject', '')}".strip()
        outcome = rule.get("outcome") or ("pass" if rule.get("passed") else "fail")
        found[name] = outcome if rule.get("value") is None else f"{outcome} {rule['value']:.6g}"
    return found


def _data(metrics: Mapping[str, Any]) -> dict[str, Any]:
    dataset = dict(metrics.get("dataset") or {})
    columns = {column["name"]: column for column in dataset.pop("columns", ())}
    dataset.pop("warnings", None)
    shapes = {f"column {name}": f"{column['kind']}, {column['dtype']}" for name, column in columns.items()}
    return {**flat(dataset), **shapes}


def _pairs(a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterable[Difference]:
    for name in {**a, **b}:
        one, other = a.get(name), b.get(name)
        yield Difference(name, one, other, _change(one, other))


def _unequal(a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterable[Difference]:
    return (difference for difference in _pairs(a, b) if difference.a != difference.b)


def _change(one: Any, other: Any) -> float | None:
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (one, other))
    return other - one if numbers else None

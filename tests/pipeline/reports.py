"""Candidates for the report's tests: real data, measures, verdicts and records, around made-up predictions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl

from keepfit.config import Config
from keepfit.data.dataset import prepare
from keepfit.data.schema import Schema
from keepfit.drift.compare import Comparison
from keepfit.pipeline import record
from keepfit.pipeline.evaluate import evaluate
from keepfit.pipeline.gate import Evidence, decide


@dataclass(frozen=True)
class Reportable:
    """What `render` takes."""

    metrics: dict[str, Any]
    schema: Schema
    truth: Any
    predictions: Any


def mixed_table(rows: int, random: np.random.Generator) -> dict[str, Any]:
    return {
        "tenure_months": [None if number % 20 == 0 else round(random.gamma(3, 10), 1) for number in range(rows)],
        "support_calls": random.poisson(1.5, rows),
        "contract": random.choice(["monthly", "one year", "two years"], rows),
        "paperless": random.random(rows) < 0.6,
    }


def numeric_table(columns: int) -> Callable[[int, np.random.Generator], dict[str, Any]]:
    def make(rows: int, random: np.random.Generator) -> dict[str, Any]:
        return {f"x{number + 1}": random.normal(number, 1 + number, rows) for number in range(columns)}

    return make


def answers(target: Any, truth: Any, noise: float, random: np.random.Generator) -> Any:
    """What a model might say: the more noise, the worse it is."""
    if target.task == "regression":
        return (truth + random.normal(0, noise, len(truth)))[:, None].astype(np.float32)
    if target.task == "binary":
        return (1 / (1 + np.exp(-(truth * 2 - 1 + random.normal(0, noise, len(truth))) * 3)))[:, None].astype("f4")
    scores = np.eye(len(target.classes))[truth] + random.normal(0, noise, (len(truth), len(target.classes)))
    odds = np.exp(5 * scores)
    return (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)


def reportable(
    folder: Path,
    *,
    labels: Sequence[str] | None = ("no", "yes"),
    rows: int = 4_000,
    noise: float = 0.4,
    table: Callable[[int, np.random.Generator], dict[str, Any]] = mixed_table,
    target: str = "churned",
    version: int | None = 7,
    curves: dict[str, list[float]] | None = None,
    change: Callable[[Any], Any] = lambda predictions: predictions,
    challenge: Callable[..., Evidence] | None = None,
    **config: Any,
) -> Reportable:
    """Make what a run hands to `render`; `labels` None is a regression, `change` is applied to the predictions.

    `challenge` is given the evidence, target, truth and predictions, and returns more evidence.
    """
    random = np.random.default_rng(1)
    truth = random.normal(250, 80, rows) if labels is None else np.array(labels)[np.arange(rows) % len(labels)]
    frame = pl.DataFrame({**table(rows, random), target: truth}, strict=False)
    frame.write_parquet(folder / "data.parquet")
    data = {"source": "parquet", "path": "data.parquet", "target": target}
    settings = Config.model_validate({"model_name": "churn", "data": data, **config})
    dataset = prepare(settings.data, folder, 0, None)
    its = dataset.schema.target
    predictions = change(answers(its, dataset.holdout.target, noise, random))
    evaluation = evaluate(its, dataset.holdout.target, predictions)
    evidence = Evidence(evaluation)
    if challenge is not None:
        evidence = challenge(evidence, its, dataset.holdout.target, predictions)
    verdict = decide(evidence, settings.gate)
    history = curves or {
        "loss": [0.5 * 0.8**epoch + 0.1 for epoch in range(20)],
        **({"accuracy": [0.985 - 0.2 * 0.7**epoch for epoch in range(20)]} if labels else {}),
    }
    metrics = record.describe(
        config=settings,
        dataset=dataset,
        candidate=SimpleNamespace(evaluation=evaluation, training=SimpleNamespace(history=history), digests={}),
        verdict=verdict,
        run="20260301T020000-a1b2c3",
        trigger="schedule",
        seed=1_201_408_486,
        created_at=datetime(2026, 3, 1, 2, 0, 9, tzinfo=UTC),
        drift={"reference_version": None, **Comparison(0, 0, reason="there is no version yet").to_dict()},
        durations_s={"data": 0.536, "training": 12.9, "evaluation": 0.055, "export": 0.51},
        environment={
            "git": {"commit": "6ef80e8c0ffee0ddba11f00d5eed5a1adca11ab1", "dirty": True},
            "libraries": {"python": "3.11.7", "keepfit": "0.1.0", "tensorflow": "2.21.0", "keras": "3.15.1"},
            "machine": {"system": "Linux-6.1-x86_64", "machine": "x86_64"},
        },
    )
    metrics["version"] = version if verdict.promotes else None
    return Reportable(metrics, dataset.schema, dataset.holdout.target, predictions)

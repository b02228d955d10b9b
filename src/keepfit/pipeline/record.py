"""Puts together what metrics.json says of a candidate: how it was made and what it does. Pure but for its arguments."""

import math
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from keepfit.config import Config
from keepfit.data.dataset import Dataset
from keepfit.pipeline.contract import OUTPUT_NAME, SIGNATURE_NAME, input_names
from keepfit.pipeline.gate import Verdict
from keepfit.pipeline.recorded_config import without_secrets

if TYPE_CHECKING:
    from keepfit.pipeline.candidate import Candidate

FORMAT = 1


def describe(
    *,
    config: Config,
    dataset: Dataset,
    candidate: "Candidate",
    verdict: Verdict,
    run: str,
    trigger: str,
    seed: int,
    created_at: datetime,
    drift: Mapping[str, Any],
    durations_s: Mapping[str, float],
    environment: Mapping[str, Any],
) -> dict[str, Any]:
    """Return metrics.json without its version, which is known only when the candidate is promoted."""
    evaluation, history = candidate.evaluation, candidate.training.history
    interval = None
    if evaluation.accuracy_low_percent is not None and evaluation.accuracy_high_percent is not None:
        interval = [evaluation.accuracy_low_percent, evaluation.accuracy_high_percent]
    found = {
        "format": FORMAT,
        "model_name": config.model_name,
        "version": None,
        "run": run,
        "trigger": trigger,
        "created_at": created_at.isoformat(timespec="milliseconds"),
        "task": evaluation.task,
        "test_accuracy_percent": evaluation.accuracy_percent,
        "test_accuracy_interval_percent": interval,
        "test_loss": evaluation.loss,
        "training_loss": history["loss"][-1],
        "curves": history,
        "evaluation": evaluation.to_dict(),
        "verdict": verdict.to_dict(),
        "drift": drift,
        "durations_s": {name: round(value, 3) for name, value in durations_s.items()},
        "dataset": _dataset(dataset),
        "signature": _signature(dataset),
        "seed": seed,
        "digests": dict(candidate.digests),
        "config": without_secrets(config),
        **environment,
    }
    return {key: _json_value(value) for key, value in found.items()}


def _dataset(dataset: Dataset) -> dict[str, Any]:
    found = {"fingerprint": dataset.fingerprint, **dataset.characteristics, "warnings": list(dataset.warnings)}
    if dataset.older_rows:
        found["older_rows"] = dataset.older_rows
    if dataset.golden is not None:
        found["golden"] = {"fingerprint": dataset.golden.identity.fingerprint, "rows": dataset.golden.table.rows}
    return found


def _signature(dataset: Dataset) -> dict[str, Any]:
    names = input_names(dataset.schema)
    columns = list(dataset.schema.feature_names)
    return {
        "name": SIGNATURE_NAME,
        "inputs": {names[0]: columns} if dataset.schema.is_numeric else dict(zip(names, columns, strict=True)),
        "output": OUTPUT_NAME,
        "classes": list(dataset.schema.target.classes),
    }


def _json_value(value: Any) -> Any:
    """Replace what JSON cannot say, the loss of a model that predicts NaN for example, by null."""
    if isinstance(value, Mapping):
        return {key: _json_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json_value(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value

"""Puts the page together: which pictures and tables a candidate's task calls for. Knows nothing of their geometry."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keepfit.data.schema import Schema, Target
from keepfit.pipeline.evaluate import predicted_classes
from keepfit.pipeline.report import probabilities, regression, wording
from keepfit.pipeline.report.budget import budgets_of
from keepfit.pipeline.report.calls import call_of
from keepfit.pipeline.report.chart import Chart
from keepfit.pipeline.report.comparison import side_by_side
from keepfit.pipeline.report.confusion import confusion_of
from keepfit.pipeline.report.curves import curve_charts
from keepfit.pipeline.report.figures import figures_of
from keepfit.pipeline.report.heading import heading_of
from keepfit.pipeline.report.judgement import judgement_of
from keepfit.pipeline.report.ruling import completed, rulings_of
from keepfit.pipeline.report.slices import slices_of
from keepfit.pipeline.report.table import FEW_COLUMNS, MOST_COLUMNS, class_bars, column_lines
from keepfit.pipeline.report.template import environment, shared

Array = NDArray[Any]

_STAGES = {
    "data": "read the data",
    "training": "train",
    "evaluation": "measure",
    "export": "export",
    "champion": "ask the served version",
    "qualification": "load and compare",
    "judging": "judge",
}
_LABEL_LENGTH = 18


@dataclass(frozen=True)
class _Judged:
    """The holdout rows whose predictions are finite numbers, and how many are not."""

    truth: Array
    predictions: Array
    left_out: int


def render(metrics: Mapping[str, Any], schema: Schema, truth: Array, predictions: Array) -> str:
    """Return the page of a candidate: one HTML file, without script, that needs nothing else.

    `metrics` is the content of metrics.json; `truth` (rows,) has the holdout's class indices or values and
    `predictions` (rows, outputs) the model's answers to them.
    """
    # a model answers in float32: what is larger came from an overflow as well
    finite = (np.abs(predictions) <= np.finfo(np.float32).max).all(axis=1)
    judged = _Judged(truth[finite], predictions[finite].astype(np.float64), int(np.sum(~finite)))
    is_regression = schema.target.task == "regression"
    roc = None if schema.target.task != "binary" or not len(judged.truth) else _roc(judged)
    verdict = metrics["verdict"]
    rulings = completed(rulings_of(verdict), metrics, _fit_interval(metrics, judged, is_regression=is_regression))
    judgement = judgement_of(rulings, verdict["decision"])
    return (
        environment()
        .get_template("report.html")
        .render(
            **shared(metrics),
            schema=schema,
            heading=heading_of(metrics, judgement.groups),
            judgement=judgement,
            figures=figures_of(metrics, schema.target, None if roc is None else roc.area),
            budgets=budgets_of(verdict),
            warnings=verdict.get("warnings") or (),
            beside=side_by_side(metrics, rulings),
            slices=slices_of(verdict, rulings, is_regression),
            curves=curve_charts(metrics["curves"], _comparable(metrics, is_regression)),
            charts=_charts(judged, schema.target, roc) if len(judged.truth) else (),
            left_out=judged.left_out,
            confusion=None
            if is_regression
            else confusion_of(metrics["evaluation"]["confusion"], schema.target.classes),
            errors=_errors(judged) if is_regression else (),
            thresholds=_thresholds(judged) if schema.target.task == "binary" else (),
            columns=column_lines(metrics["dataset"]["columns"]),
            few_columns=len(schema.columns) <= FEW_COLUMNS,
            most_columns=MOST_COLUMNS,
            bars=() if is_regression else class_bars(*_class_counts(metrics)),
            call=call_of(metrics, schema),
            durations=_durations(metrics["durations_s"]),
            config=json.dumps(metrics["config"], indent=2, ensure_ascii=False),
        )
    )


def _fit_interval(metrics: Mapping[str, Any], judged: _Judged, *, is_regression: bool) -> tuple[float, float] | None:
    if not is_regression or metrics["evaluation"].get("r2") is None or judged.left_out:
        return None
    return regression.r2_interval(judged.truth.astype(np.float64), judged.predictions[:, 0])


def _comparable(metrics: Mapping[str, Any], is_regression: bool) -> dict[str, float | None]:
    """The holdout's values of what the curves show; a regression's loss is of the scaled target, so it is not."""
    if is_regression:
        return {}
    return {"loss": metrics["test_loss"], "accuracy": metrics["test_accuracy_percent"] / 100}


def _roc(judged: _Judged) -> probabilities.Roc | None:
    return probabilities.roc(judged.truth == 1, judged.predictions[:, 0])


def _charts(judged: _Judged, target: Target, roc: probabilities.Roc | None) -> tuple[Chart, ...]:
    truth, predictions = judged.truth, judged.predictions
    name = wording.shortened(target.name, _LABEL_LENGTH)
    if target.task == "regression":
        return regression.value_charts(truth.astype(np.float64), predictions[:, 0], name)
    if target.task == "binary":
        labels = tuple(wording.shortened(label, _LABEL_LENGTH) for label in target.classes)
        positive, stated = truth == 1, predictions[:, 0].clip(0, 1)
        subject = f"stated probability of {labels[1]}"
        drawn = (
            probabilities.calibration_chart(positive, stated, subject),
            probabilities.spread_chart(positive, stated, (f"truly {labels[0]}", f"truly {labels[1]}"), subject, 0.0),
        )
        return drawn if roc is None else (probabilities.roc_chart(roc, positive, stated, labels[1]), *drawn)
    right = predicted_classes(target, predictions) == truth
    stated = predictions.max(axis=1).clip(0, 1)
    subject = "stated probability of the named class"
    lowest = np.floor(10 * float(stated.min())) / 10 if len(stated) else 0.0
    return (
        probabilities.calibration_chart(right, stated, subject),
        probabilities.spread_chart(right, stated, ("named wrongly", "named rightly"), subject, min(0.9, lowest)),
    )


def _errors(judged: _Judged) -> tuple[regression.ErrorQuantile, ...]:
    if not len(judged.truth):
        return ()
    return regression.error_quantiles(judged.truth.astype(np.float64), judged.predictions[:, 0])


def _thresholds(judged: _Judged) -> tuple[probabilities.Threshold, ...]:
    return probabilities.thresholds(judged.truth == 1, judged.predictions[:, 0]) if len(judged.truth) else ()


def _class_counts(metrics: Mapping[str, Any]) -> tuple[Mapping[str, int], Mapping[str, int]]:
    target = metrics["dataset"]["target"]
    return target["train"], target["holdout"]


def _durations(durations_s: Mapping[str, float]) -> tuple[tuple[str, str, float], ...]:
    """Name, text, and share in percent of the longest."""
    longest = max(durations_s.values(), default=0) or 1
    return tuple(
        (_STAGES.get(name, name), wording.seconds(value), round(100 * value / longest, 1))
        for name, value in durations_s.items()
    )

"""The row of numbers below the verdict: what a candidate's task is measured by. Reads metrics.json."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from keepfit.data.schema import Target
from keepfit.pipeline.report import wording


@dataclass(frozen=True)
class Figure:
    """A number, its name, and how to read it."""

    name: str
    value: str
    about: str = ""


def figures_of(metrics: Mapping[str, Any], target: Target, roc_area: float | None) -> tuple[Figure, ...]:
    """Of a classification or a regression; `roc_area` is None where there is no such curve."""
    found, data = metrics["evaluation"], metrics["dataset"]
    rows = Figure("Holdout", f"{data['holdout_rows']:,}", f"rows to judge, {data['train_rows']:,} to train")
    if target.task == "regression":
        return (*_of_values(found, target.name, data["target"]["holdout"]["std"]), rows)
    wrong = found["rows"] - found["correct"]
    trivial = wording.percent(found["trivial_percent"])
    figures = [
        Figure(
            "Accuracy", wording.percent(found["accuracy_percent"]), f"{wrong:,} wrong of {wording.count(found['rows'])}"
        ),
        Figure("Log loss", wording.number(metrics["test_loss"]), "on the holdout; 0 is perfect"),
        Figure("Commonest class", trivial, "of the holdout; what naming it always reaches"),
        rows,
    ]
    if roc_area is not None:
        figures.insert(1, Figure("Area under ROC", wording.quantity(roc_area, ""), "1 is perfect, 0.5 is chance"))
    return tuple(figures)


def _of_values(found: Mapping[str, Any], target: str, spread: float | None) -> tuple[Figure, ...]:
    return (
        Figure("R²", wording.number(found.get("r2")), "1 is perfect, 0 is always the mean"),
        Figure("Mean absolute error", wording.number(found.get("mae")), f"in units of {target}"),
        Figure(
            "Root mean square error",
            wording.number(found.get("rmse")),
            f"the target's own spread is {wording.number(spread)}",
        ),
    )

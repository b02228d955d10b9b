"""Pictures and figures of predicted values: against the true ones, their errors, and how sure R² is."""

import math
from dataclasses import dataclass

import numpy as np

from keepfit.pipeline.report.chart import Array, Chart, Key, Mark, columns, dots, line, plane, span, thinned
from keepfit.pipeline.report.wording import count, number, share

_MOST_DOTS = 1_500
_WORST = 50
_BINS = 41
_SQUARE = 330
_QUANTILES = (0.5, 0.8, 0.9, 0.95, 0.99, 1.0)


@dataclass(frozen=True)
class ErrorQuantile:
    """The absolute error that a share of the rows does not exceed."""

    rows: str
    error: str


def r2_interval(truth: Array, predicted: Array) -> tuple[float, float] | None:
    """An approximate 95 % interval of R² (delta method on the ratio of two means); None if the truth is constant."""
    squares, spread = (predicted - truth) ** 2, (truth - truth.mean()) ** 2
    if len(truth) < 2 or not spread.mean() > 0:
        return None
    ratio = squares.mean() / spread.mean()
    with np.errstate(over="ignore", invalid="ignore"):
        error = float(np.std((squares - ratio * spread) / spread.mean()) / math.sqrt(len(truth)))
    if not math.isfinite(error):
        return None
    return 1 - float(ratio) - 1.96 * error, min(1.0, 1 - float(ratio) + 1.96 * error)


def error_quantiles(truth: Array, predicted: Array) -> tuple[ErrorQuantile, ...]:
    """How large the errors are for most rows, and at worst."""
    errors = np.quantile(np.abs(predicted - truth), _QUANTILES)
    names = [f"{100 * part:.0f} % of the rows" if part < 1 else "all rows" for part in _QUANTILES]
    return tuple(ErrorQuantile(name, number(float(error))) for name, error in zip(names, errors, strict=True))


def value_charts(truth: Array, predicted: Array, target: str) -> tuple[Chart, ...]:
    """Predicted against true values, errors against predicted values, and the spread of errors."""
    shown = _shown(np.abs(predicted - truth))
    return (
        _agreement(truth, predicted, shown, target),
        _residuals(truth, predicted, shown, target),
        _error_spread(predicted - truth, target),
    )


def _shown(errors: Array) -> Array:
    """Indices of the rows to draw: evenly spread ones, and those of the largest errors."""
    if len(errors) <= _MOST_DOTS:
        return np.arange(len(errors))
    worst = np.argpartition(errors, -_WORST)[-_WORST:]
    return np.union1d(thinned(len(errors), _MOST_DOTS - _WORST), worst)


def _of_rows(shown: Array, rows: int) -> str:
    if len(shown) == rows:
        return f"{count(rows)}."
    return f"{len(shown):,} of {count(rows)} are drawn, the largest errors among them."


def _agreement(truth: Array, predicted: Array, shown: Array, target: str) -> Chart:
    both = span(truth, predicted)
    x, y = plane(both, both, _SQUARE)
    correlation = _correlation(truth, predicted)
    return Chart(
        "Predicted against true",
        f"Each row as a dot: predicted {target} against its true value; correlation {number(correlation, 3)}.",
        f"On the line, prediction and truth are equal. {_of_rows(shown, len(truth))}",
        x, y, f"true {target}", "predicted",
        (
            Mark("cloud one", dots(x(truth[shown]), y(predicted[shown]))),
            Mark("rule", line([x.start, x.end], [y.start, y.end])),
        ),
        x_ticks_most=5,
    )  # fmt: skip


def _correlation(truth: Array, predicted: Array) -> float:
    first, second = truth - truth.mean(), predicted - predicted.mean()
    scale = math.sqrt(float((first**2).mean()) * float((second**2).mean()))
    return float((first * second).mean()) / scale if scale > 0 else math.nan


def _residuals(truth: Array, predicted: Array, shown: Array, target: str) -> Chart:
    errors = predicted - truth
    most = float(np.abs(errors).max()) * 1.05
    x, y = plane(span(predicted), (-most, most), _SQUARE)
    zero = float(y(0.0))
    return Chart(
        "Errors against predicted",
        f"Each row as a dot: error against predicted {target}; errors between {number(float(errors.min()))} "
        f"and {number(float(errors.max()))}.",
        "A good model leaves no shape here: the dots lie around zero, as wide at the left as at the right.",
        x, y, f"predicted {target}", "predicted − true",
        (
            Mark("cloud one", dots(x(predicted[shown]), y(errors[shown]))),
            Mark("rule", line([x.start, x.end], [zero, zero])),
        ),
        x_ticks_most=5,
    )  # fmt: skip


def _error_spread(errors: Array, target: str) -> Chart:
    """A histogram of the errors but for the largest hundredth, which would flatten it."""
    most = float(np.quantile(np.abs(errors), 0.99)) or float(np.abs(errors).max()) or 1.0
    rows, edges = np.histogram(errors, _BINS, (-most, most))
    heights = 100 * rows / len(errors)
    x, y = plane((-most, most), (0, float(heights.max()) * 1.08))
    lefts = x(edges)
    mean, median = float(errors.mean()), float(np.median(errors))
    marks = [Mark("bar one", columns(lefts[:-1] + 0.75, lefts[1:] - 0.75, y(heights), y.start))]
    if abs(mean) <= most:
        at = float(x(mean))
        marks.append(Mark("rule", line([at, at], [y.start, y.end]), f"mean {number(mean)}"))
    return Chart(
        "Spread of errors",
        f"Histogram of the errors of {target}: mean {number(mean)}, median {number(median)}.",
        f"{share(float(rows.sum() / len(errors)), 0)} of the rows; larger errors lie outside. A mean far from zero "
        "says that the model guesses too high or too low on the whole.",
        x, y, "predicted − true", "share of rows, in percent", tuple(marks), (), (Key("rule", f"mean {number(mean)}"),),
        x_ticks_most=5,
    )  # fmt: skip

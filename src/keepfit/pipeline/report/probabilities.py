"""Pictures of predicted probabilities: ROC, calibration, and how they are spread over right and wrong."""

from dataclasses import dataclass

import numpy as np

from keepfit.pipeline.evaluate import CONFIDENCE
from keepfit.pipeline.report.chart import Array, Chart, Key, Mark, Text, area, columns, dots, line, plane
from keepfit.pipeline.report.wording import count, share
from keepfit.pipeline.statistics import clopper_pearson

_MOST_POINTS = 200
_SQUARE = 330
_CALIBRATION_BINS = 10
_SPREAD_BINS = 25


@dataclass(frozen=True)
class Roc:
    """Shares of false and of true alarms at each threshold, from (0, 0) to (1, 1), and the area under them."""

    false_alarms: Array
    found: Array
    area: float


@dataclass(frozen=True)
class Threshold:
    """What deciding at another probability than one half would give."""

    at: str
    found: str
    right: str
    accuracy: str
    is_used: bool


def roc(positive: Array, scores: Array) -> Roc | None:
    """The curve of a score that should be higher for the rows that are `positive`; None if one kind is missing."""
    positives = int(positive.sum())
    negatives = len(positive) - positives
    if not positives or not negatives:
        return None
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    found = np.cumsum(positive[order])
    # rows of equal score are one point of the curve
    ends = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    true = np.append(0, found[ends]) / positives
    false = np.append(0, ends + 1 - found[ends]) / negatives
    return Roc(false, true, float(np.sum(np.diff(false) * (true[1:] + true[:-1]) / 2)))


def roc_chart(curve: Roc, positive: Array, scores: Array, label: str) -> Chart:
    """The ROC curve with the point at which the model decides, a probability of one half."""
    x, y = plane((0, 100), (0, 100), _SQUARE)
    chosen = _along(curve)
    xs, ys = x(100 * curve.false_alarms[chosen]), y(100 * curve.found[chosen])
    named = scores >= 0.5
    false, true = float(named[~positive].mean()), float(named[positive].mean())
    at = f"at one half: {share(true)} found, {share(false)} false alarms"
    marks = (
        Mark("rule", line([x.start, x.end], [y.start, y.end])),
        Mark("area one", area(xs, ys, y.start)),
        Mark("line one", line(xs, ys)),
        Mark("dot big one", dots([x(100 * false)], [y(100 * true)]), at),
    )
    texts = (Text("big", x.end - 12, y.start - 34, f"AUC {curve.area:.4f}", "end"),)
    return Chart(
        "ROC curve",
        f"ROC curve with an area under the curve of {curve.area:.4f}; {at}.",
        f"How many rows of class {label} are found against how many others are taken for it, at every threshold. "
        "The dashed line is chance.",
        x, y, f"others taken for {label}, in percent", "found, in percent", marks, texts,
        (Key("one", "model"), Key("dot one", at)),
    )  # fmt: skip


def _along(curve: Roc) -> Array:
    """Indices of enough points, evenly spread along the curve's length."""
    steps = np.hypot(np.diff(curve.false_alarms), np.diff(curve.found))
    length = np.append(0, np.cumsum(steps))
    if len(length) <= _MOST_POINTS:
        return np.arange(len(length))
    wanted = np.linspace(0, length[-1], _MOST_POINTS)
    return np.unique(np.append(np.searchsorted(length, wanted).clip(0, len(length) - 1), [0, len(length) - 1]))


def thresholds(positive: Array, scores: Array) -> tuple[Threshold, ...]:
    """What deciding at each tenth would give; needs at least one row."""
    rows, positives, found = len(positive), int(positive.sum()), []
    for tenths in range(1, 10):
        named = scores >= tenths / 10
        called, hits = int(named.sum()), int((named & positive).sum())
        wrong = called - hits + positives - hits
        found.append(
            Threshold(
                f"{10 * tenths} %",
                share(hits / positives) if positives else "–",
                share(hits / called) if called else "–",
                share(1 - wrong / rows),
                tenths == 5,
            )
        )
    return tuple(found)


def calibration_chart(right: Array, stated: Array, subject: str) -> Chart:
    """How often what was stated with some probability is right; `subject` says what the probability is of."""
    bins = np.minimum((stated * _CALIBRATION_BINS).astype(np.int64), _CALIBRATION_BINS - 1)
    rows = np.bincount(bins, minlength=_CALIBRATION_BINS)
    hits = np.bincount(bins, weights=right, minlength=_CALIBRATION_BINS).astype(np.int64)
    sums = np.bincount(bins, weights=stated, minlength=_CALIBRATION_BINS)
    filled = np.flatnonzero(rows)
    means, shares = sums[filled] / rows[filled], hits[filled] / rows[filled]
    error = float(np.sum(rows[filled] * np.abs(means - shares)) / rows.sum())
    x, y = plane((0, 100), (0, 100), _SQUARE)
    marks = [Mark("rule", line([x.start, x.end], [y.start, y.end]))]
    base, most = y.start, 0.16 * (y.start - y.end)
    edges = x(np.linspace(0, 100, _CALIBRATION_BINS + 1))
    marks.append(Mark("bar quiet", columns(edges[:-1] + 2, edges[1:] - 2, base - most * rows / rows.max(), base)))
    marks.append(Mark("line one", line(x(100 * means), y(100 * shares))))
    for index, mean, hit in zip(filled, means, shares, strict=True):
        low, high = clopper_pearson(int(hits[index]), int(rows[index]), CONFIDENCE)
        at = float(x(100 * mean))
        said = f"stated {share(mean)}, true {share(hit)} ({share(low)} to {share(high)}) of {count(int(rows[index]))}"
        marks.append(Mark("whisker one", line([at, at], y([100 * low, 100 * high]))))
        marks.append(Mark("dot big one", dots([at], [float(y(100 * hit))]), said))
    return Chart(
        "Calibration",
        f"Calibration: {subject} and its true share differ by {share(error)} on average, over "
        f"{count(len(filled), 'bin')} of {count(int(rows.sum()))}.",
        f"Where the points lie on the dashed line, a stated 80 % is right 8 times in 10. "
        f"Mean distance {share(error)}. Bars at the foot: where the rows are; upright lines: exact 95 % intervals.",
        x, y, f"{subject}, in percent", "true share, in percent", tuple(marks),
    )  # fmt: skip


def spread_chart(kind: Array, stated: Array, names: tuple[str, str], subject: str, low: float) -> Chart:
    """Histograms of probabilities from `low` to 1, one for each of two kinds of rows, as shares of that kind."""
    heights = [_share_of_bins(stated[kind == which], low) for which in (False, True)]
    x, y = plane((100 * low, 100), (0, max(float(heights[0].max()), float(heights[1].max()), 1e-3) * 1.08))
    lefts = x(100 * np.linspace(low, 1, _SPREAD_BINS + 1))
    marks = tuple(
        Mark(f"bar {look}", columns(lefts[:-1] + 0.75, lefts[1:] - 0.75, y(height), y.start))
        for look, height in zip(("two", "one"), heights, strict=True)
    )
    medians = [f"{name} {share(float(np.median(stated[kind == which])))}" for which, name in enumerate(names)
               if (kind == which).any()]  # fmt: skip
    return Chart(
        "Spread of probabilities",
        f"Histogram of the {subject}; median of {', of '.join(medians)}.",
        "The less the two overlap, the better the model tells them apart.",
        x, y, f"{subject}, in percent", "share of rows, in percent", marks, (),
        (Key("bar two", names[0]), Key("bar one", names[1])),
    )  # fmt: skip


def _share_of_bins(values: Array, low: float) -> Array:
    rows, _ = np.histogram(values, _SPREAD_BINS, (low, 1.0))
    return 100 * rows / max(1, len(values))

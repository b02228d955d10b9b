"""Pictures of what training measured after each epoch."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from keepfit.pipeline.report.chart import Array, Chart, Key, Mark, Scale, dots, line, plane, span, thinned
from keepfit.pipeline.report.wording import count, number, percent

_MOST_POINTS = 240
_FEW_POINTS = 40
_VALIDATION = "val_"


def curve_charts(curves: Mapping[str, Sequence[float | None]], test: Mapping[str, float | None]) -> tuple[Chart, ...]:
    """One picture a measured quantity, loss and accuracy first; `test` gives the holdout's value for some of them."""
    names = [name for name in curves if not name.startswith(_VALIDATION)]
    names.sort(key=lambda name: (name != "loss", name != "accuracy"))
    return tuple(_curve(name, curves, test.get(name)) for name in names if len(curves[name]))


def _curve(name: str, curves: Mapping[str, Sequence[float | None]], test: float | None) -> Chart:
    is_share = name.endswith("accuracy")
    factor = 100 if is_share else 1
    values = factor * _numbers(curves[name])
    validation = factor * _numbers(curves.get(_VALIDATION + name, ()))
    holdout = np.array([] if test is None or not math.isfinite(test) else [factor * test])
    epochs = len(values)
    low, high = span(values, validation, holdout, margin=0.08)
    if is_share:
        high = min(high, 100.0)
    elif name == "loss":
        low = min(low, 0.0) if min(values[np.isfinite(values)], default=0.0) < 0 else 0.0
    x, y = plane((1, epochs), (low, high))
    marks = [*_series(values, "one", x, y, name), *_series(validation, "two", x, y, f"validation {name}")]
    keys = [Key("one", "training rows")]
    if len(validation):
        keys.append(Key("two", "validation rows"))
    if len(holdout):
        at = float(y(holdout[0]))
        marks.insert(0, Mark("rule", line([x.start, x.end], [at, at]), f"holdout: {_said(holdout[0], is_share)}"))
        keys.append(Key("rule", f"holdout, at the end: {_said(float(holdout[0]), is_share)}"))
    title = f"{name.replace('_', ' ').capitalize()}{' in percent' if is_share else ''}"
    ending = f"from {_said(values[0], is_share)} to {_said(values[-1], is_share)} in {count(epochs, 'epoch')}"
    alternative = f"{title} on the training rows goes {ending}."
    if len(holdout):
        alternative += f" On the holdout it is {_said(float(holdout[0]), is_share)}."
    return Chart(
        title, alternative, _note(name, len(holdout) > 0), x, y, "epoch", "", tuple(marks), (), tuple(keys),
        whole_x=True,
    )  # fmt: skip


def _note(name: str, has_holdout: bool) -> str:
    if name == "loss" and has_holdout:
        return "A holdout loss far above the curve's end means that the model learned its training rows by heart."
    if name == "accuracy" and has_holdout:
        return "The holdout's rows were never trained on: theirs is the accuracy that counts."
    return "Measured on the training rows, while the model was still changing."


def _series(values: Array, look: str, x: Scale, y: Scale, name: str) -> list[Mark]:
    if not len(values):
        return []
    chosen = thinned(len(values), _MOST_POINTS)
    chosen = chosen[np.isfinite(values[chosen])]
    xs, ys = x(chosen + 1), y(values[chosen])
    marks = [Mark(f"line {look}", line(xs, ys))] if len(chosen) > 1 else []
    if len(chosen) <= _FEW_POINTS:
        is_share = name.endswith("accuracy")
        marks += [
            Mark(f"dot {look}", dots([at], [height]), f"epoch {index + 1}: {name} {_said(values[index], is_share)}")
            for index, at, height in zip(chosen, xs, ys, strict=True)
        ]
    return marks


def _numbers(values: Sequence[float | None]) -> Array:
    return np.array([math.nan if value is None else value for value in values], dtype=np.float64)


def _said(value: float, is_share: bool) -> str:
    return percent(float(value)) if is_share else number(float(value))

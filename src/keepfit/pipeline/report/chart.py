"""Geometry of a picture: scales, ticks and SVG paths. Knows nothing of what is drawn, nor of markup."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keepfit.pipeline.report.wording import scientific

Array = NDArray[Any]

WIDTH = 440
TOP, RIGHT, BOTTOM = 14, 14, 46
CHARACTER = 6.6
"""Width of a digit in the pictures' text."""


@dataclass(frozen=True)
class Mark:
    """A shape: an SVG path, the CSS class that says how it looks, and what it says of itself when pointed at."""

    look: str
    path: str
    says: str = ""


@dataclass(frozen=True)
class Text:
    """A label inside the picture; `anchor` is start, middle or end."""

    look: str
    x: float
    y: float
    text: str
    anchor: str = "start"


@dataclass(frozen=True)
class Tick:
    """A place on an axis, in SVG units, and its label."""

    at: float
    label: str


@dataclass(frozen=True)
class Scale:
    """A linear way from values to SVG units; low and high are different and finite."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, values: Any) -> Any:
        """Values in SVG units."""
        return self.start + (np.asarray(values, dtype=np.float64) - self.low) / (self.high - self.low) * (
            self.end - self.start
        )

    def ticks(self, most: int, least_step: float = 0.0) -> tuple[Tick, ...]:
        """Round values inside the scale, at most so many or one more."""
        step = _round_step(max(least_step, (self.high - self.low) / most))
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        values = [step * index for index in range(first, last + 1)]
        return tuple(Tick(round(float(self(value)), 1), _label(value, step)) for value in values)


@dataclass(frozen=True)
class Key:
    """An entry of the legend."""

    look: str
    text: str


@dataclass(frozen=True)
class Chart:
    """A picture with axes. `alternative` says in words what it shows, `note` below it how to read it."""

    title: str
    alternative: str
    note: str
    x: Scale
    y: Scale
    x_title: str
    y_title: str
    marks: tuple[Mark, ...]
    texts: tuple[Text, ...] = ()
    keys: tuple[Key, ...] = ()
    x_ticks_most: int = 6
    y_ticks_most: int = 5
    whole_x: bool = False

    @property
    def width(self) -> int:
        """Of the whole picture, in SVG units."""
        return WIDTH

    @property
    def height(self) -> float:
        """Of the whole picture, in SVG units."""
        return self.y.start + BOTTOM

    @property
    def x_ticks(self) -> tuple[Tick, ...]:
        """Of the horizontal axis; whole numbers only if it counts something."""
        return self.x.ticks(self.x_ticks_most, 1.0 if self.whole_x else 0.0)

    @property
    def y_ticks(self) -> tuple[Tick, ...]:
        """Of the vertical axis."""
        return self.y.ticks(self.y_ticks_most)


def plane(
    x_range: tuple[float, float], y_range: tuple[float, float], height: int = 260, y_ticks_most: int = 5
) -> tuple[Scale, Scale]:
    """The two scales of a picture, with as much room at the left as the labels there take."""
    y = Scale(*_widened(*y_range), height - BOTTOM, TOP)
    longest = max((len(tick.label) for tick in y.ticks(y_ticks_most)), default=1)
    return Scale(*_widened(*x_range), round(34 + CHARACTER * longest, 1), WIDTH - RIGHT), y


def line(xs: Iterable[float], ys: Iterable[float]) -> str:
    """A path through points given in SVG units."""
    points = [f"{_short(x)} {_short(y)}" for x, y in zip(xs, ys, strict=True)]
    return "M" + "L".join(points) if points else ""


def dots(xs: Iterable[float], ys: Iterable[float]) -> str:
    """A path whose round line ends are dots, each no more than some ten characters."""
    return "".join(f"M{_short(x)} {_short(y)}h0" for x, y in zip(xs, ys, strict=True))


def area(xs: Sequence[float], ys: Sequence[float], base: float) -> str:
    """The area between a line and a horizontal base."""
    return f"{line(xs, ys)}V{_short(base)}H{_short(xs[0])}z" if len(xs) else ""


def box(left: float, top: float, right: float, bottom: float) -> str:
    """A rectangle."""
    return f"M{_short(left)} {_short(top)}H{_short(right)}V{_short(bottom)}H{_short(left)}z"


def columns(lefts: Array, rights: Array, tops: Array, base: float) -> str:
    """Upright bars on a base; those without height are left out."""
    shown = zip(lefts, rights, tops, strict=True)
    return "".join(box(left, top, right, base) for left, right, top in shown if base - top > 0.05)


def span(*values: Array, margin: float = 0.05) -> tuple[float, float]:
    """The range of all finite values with a margin, or (0, 1) if there is none."""
    low, high = math.inf, -math.inf
    for some in values:
        finite = some[np.isfinite(some)]
        if len(finite):
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    if low > high:
        return 0.0, 1.0
    return low - margin * (high - low), high + margin * (high - low)


def thinned(count: int, most: int) -> NDArray[np.intp]:
    """Indices of at most `most` of `count` things, evenly spread, the first and last among them."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.intp))


def _widened(low: float, high: float) -> tuple[float, float]:
    """The range, or a wider one if it is too narrow for a scale."""
    least = 1e-9 * max(abs(low), abs(high)) or 1e-9
    if high - low > least:
        return low, high
    room = 0.5 * max(abs(low), abs(high)) or 0.5
    return low - room, high + room


def _round_step(step: float) -> float:
    power = 10.0 ** math.floor(math.log10(step))
    return power * next(factor for factor in (1, 2, 5, 10) if step <= factor * power * (1 + 1e-9))


def _label(value: float, step: float) -> str:
    if abs(value) < step / 2:
        return "0"
    if max(abs(value), step) >= 1e6 or step < 1e-4:
        return scientific(value, 3)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    return f"{value:,.{digits}f}".replace("-", "−")


def _short(value: float) -> str:
    text = f"{value:.1f}"
    return text[:-2] if text.endswith(".0") else text

"""What all measurements share: the models and bodies, how often and how long, and what a measurement returns."""

import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from serving import models
from serving.load import Bodies, Load


@dataclass(frozen=True)
class Figure:
    """A measured figure: the ratio (or whatever the row names), what it was made of, and how many requests failed."""

    value: float
    detail: str
    failures: int = 0


@dataclass(frozen=True)
class Bench:
    """One run."""

    folder: Path
    bodies: Bodies
    rounds: int
    seconds: int

    def model(self, name: str) -> Path:
        """Return the folder of a model, which is made when it is first asked for."""
        folder = self.folder / name
        return folder if folder.is_dir() else models.make(models.PROGRAMS[name], folder)


def rate(bench: Bench, ours: Callable[[], Load], control: Callable[[], Load]) -> Figure:
    """Compare requests per second; the median of rounds that alternate."""
    pairs = _pairs(bench, ours, control)
    return Figure(
        statistics.median(a.per_s / b.per_s for a, b in pairs),
        f"{_median(a.per_s for a, _ in pairs):,.0f}/s over {_median(b.per_s for _, b in pairs):,.0f}/s",
        sum(a.failures + b.failures for a, b in pairs),
    )


def p50(bench: Bench, ours: Callable[[], Load], control: Callable[[], Load]) -> Figure:
    """Compare median latencies; the median of rounds that alternate."""
    pairs = _pairs(bench, ours, control)
    return Figure(
        statistics.median(a.p50_ms / b.p50_ms for a, b in pairs),
        f"{_median(a.p50_ms for a, _ in pairs):.3f} ms over {_median(b.p50_ms for _, b in pairs):.3f} ms",
        sum(a.failures + b.failures for a, b in pairs),
    )


def _pairs(bench: Bench, ours: Callable[[], Load], control: Callable[[], Load]) -> list[tuple[Load, Load]]:
    ours()  # a first round warms both up
    control()
    return [(ours(), control()) for _ in range(bench.rounds)]


def _median(values: Iterable[float]) -> float:
    return statistics.median(list(values))

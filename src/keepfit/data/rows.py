"""Rows as they came from the source, and how a message names some of them; knows nothing of their meaning."""

from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import polars as pl
from numpy.typing import NDArray

_SHOWN = 5
"""Row numbers that a message lists before it says "…"."""


@dataclass(frozen=True)
class Part:
    """Where a run of consecutive rows came from: a file's name, or "" if all rows came from one place."""

    name: str
    rows: int
    holdout: bool = False


@dataclass(frozen=True)
class Rows:
    """All rows of a run, training rows and a separate holdout one after the other, part by part."""

    frame: pl.DataFrame
    parts: tuple[Part, ...]

    @property
    def holdout(self) -> NDArray[np.bool_] | None:
        """Which rows the source itself sets aside for judging, bool (rows,); None if it leaves that to the split."""
        if not any(part.holdout for part in self.parts):
            return None
        return np.repeat([part.holdout for part in self.parts], [part.rows for part in self.parts])

    def locate(self, chosen: NDArray[np.bool_]) -> str:
        """Name the chosen rows, bool (rows,), for a message: how many, and the numbers of the first few.

        Numbers start at 1, do not count a CSV file's header, and start anew in each file.
        """
        indices = np.flatnonzero(chosen)
        names = ", ".join(self._name(int(index)) for index in indices[:_SHOWN])
        if len(indices) == 1:
            return f"data row {names}"
        return f"{len(indices):,} data rows ({names}{', …' if len(indices) > _SHOWN else ''})"

    def _name(self, index: int) -> str:
        if len(self.parts) == 1:
            return str(index + 1)
        ends = list(accumulate(part.rows for part in self.parts))
        part = next(number for number, end in enumerate(ends) if index < end)
        return f"{index + 1 - (ends[part] - self.parts[part].rows)} of {self.parts[part].name}"

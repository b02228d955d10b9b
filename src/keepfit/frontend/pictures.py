"""A row of numbers as the picture that it probably is: 64 columns are 8 × 8 pixels. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from keepfit.frontend.inputs import ModelForm

_MAX_SIDE = 32


@dataclass(frozen=True, slots=True)
class Picture:
    """Pixels as (x, y, darkness from 0 to 1); empty ones are left out."""

    side: int
    pixels: tuple[tuple[int, int, float], ...]


def pictures_of(form: ModelForm, request: Mapping[str, Any], count: int) -> tuple[Picture, ...]:
    """Return a picture of each of the first `count` instances, or none if the columns make no square."""
    side = form.side
    if side is None or side > _MAX_SIDE:
        return ()
    return tuple(_picture(side, row) for row in request["instances"][:count])


def _picture(side: int, row: Sequence[float]) -> Picture:
    finite = [value for value in row if math.isfinite(value)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    scale = high - low if high > low else 1.0
    pixels = (
        (number % side, number // side, round((value - low) / scale, 3))
        for number, value in enumerate(row)
        if math.isfinite(value) and value > low
    )
    return Picture(side, tuple(pixels))

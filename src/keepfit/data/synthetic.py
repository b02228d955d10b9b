"""The table made when no other source is named: the same problem in every run, fresh rows for every seed."""

import math

import numpy as np
import polars as pl

from keepfit.config import SyntheticConfig


def make(config: SyntheticConfig, seed: int) -> pl.DataFrame:
    """Draw x1, x2 (Float64) and label (Int64, 0 or 1) from two Gaussian classes of unit variance.

    Their centres lie `class_separation` apart on the diagonal, on both sides of the origin, so that the best possible
    accuracy is Φ(class_separation / 2).
    """
    generator = np.random.default_rng(seed)
    label = generator.integers(0, 2, config.rows)
    centre = (label - 0.5) * config.class_separation / math.sqrt(2)
    points = generator.standard_normal((2, config.rows)) + centre
    return pl.DataFrame({"x1": points[0], "x2": points[1], "label": label})

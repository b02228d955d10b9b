"""The table made when no other source is named: the same problem in every run, fresh rows for every seed."""

import math

import numpy as np
import polars as pl

from keepfit.config import SyntheticConfig


def make(config: SyntheticConfig, seed: int) -> pl.DataFrame:
    """Draw x1, x2 (Float64) and label (Int64, 0 or 1) from two Gaussian classes of unit variance.

    Class 0 lies around the origin, class 1 `class_separation` away from it on the diagonal, so that the best possible
    accuracy is Φ(class_separation / 2). The documentation's example, (1.5, 2.3), lies between the two.
    """
    generator = np.random.default_rng(seed)
    label = generator.integers(0, 2, config.rows)
    centre = label * config.class_separation / math.sqrt(2)
    points = generator.standard_normal((2, config.rows)) + centre
    return pl.DataFrame({"x1": points[0], "x2": points[1], "label": label})

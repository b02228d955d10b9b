"""Writes data.parquet: scikit-learn's copy of the UCI handwritten digits, one column a pixel."""

from pathlib import Path

import polars as pl
from sklearn.datasets import load_digits


def make() -> pl.DataFrame:
    """Return 1,797 rows of 64 pixels (0 to 16, row by row from the top left) and `digit`, 0 to 9."""
    data = load_digits()
    pixels = {f"row{number // 8}_column{number % 8}": values for number, values in enumerate(data.data.T)}
    return pl.DataFrame(pixels).cast(pl.UInt8).with_columns(digit=pl.Series(data.target, dtype=pl.UInt8))


if __name__ == "__main__":
    make().write_parquet(Path(__file__).with_name("data.parquet"))

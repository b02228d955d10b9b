"""Writes data.csv: scikit-learn's copy of the Wisconsin diagnostic breast cancer data, with readable columns."""

from pathlib import Path

import polars as pl
from sklearn.datasets import load_breast_cancer


def make() -> pl.DataFrame:
    """Return 569 rows of 30 measurements and `diagnosis`, malignant or benign."""
    data = load_breast_cancer()
    columns = {name.replace(" ", "_"): values for name, values in zip(data.feature_names, data.data.T, strict=True)}
    return pl.DataFrame(columns).with_columns(diagnosis=pl.Series(data.target_names[data.target].tolist()))


if __name__ == "__main__":
    make().write_csv(Path(__file__).with_name("data.csv"))

"""Small tables, and the way from a file to a Dataset."""

import polars as pl
import pytest

from keepfit.config import DataConfig
from keepfit.data.dataset import prepare


@pytest.fixture
def table():
    """200 rows: age (Float64), member (Boolean), city (String), weight (Float64), y (String, no or yes)."""
    numbers = range(200)
    return pl.DataFrame(
        {
            "age": [20.0 + number / 4 for number in numbers],
            "member": [number % 3 == 0 for number in numbers],
            "city": [("Bonn", "Köln", "Trier")[number % 7 % 3] for number in numbers],
            "weight": [50.0 + number * 17 % 31 for number in numbers],
            "y": [("no", "yes")[number % 2] for number in numbers],
        }
    )


@pytest.fixture
def prepared(tmp_path):
    """Write a frame (or CSV text) to a file and prepare it."""

    def run(data, known=None, *, form="parquet", seed=0, **config):
        file = tmp_path / f"data.{form}"
        if isinstance(data, str | bytes):
            file.write_bytes(data.encode() if isinstance(data, str) else data)
        elif form == "csv":
            data.write_csv(file)
        else:
            data.write_parquet(file)
        settings = {"source": form, "path": file.name, "target": "y"} | config
        return prepare(DataConfig(**settings), tmp_path, seed, known)

    return run

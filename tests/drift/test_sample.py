"""What is kept beside a version for later comparisons."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from keepfit.config import DataConfig, DriftConfig, WindowConfig
from keepfit.data.dataset import prepare
from keepfit.data.schema import Column, Schema, Target
from keepfit.data.table import Table
from keepfit.drift.compare import compare
from keepfit.drift.sample import MOST_ROWS, REFERENCE, read_reference, sample_of, write_reference
from keepfit.errors import DataError, StorageError


@pytest.fixture
def dataset(tmp_path):
    random = np.random.default_rng(1)
    rows = 9000
    age = random.normal(40, 10, rows)
    pl.DataFrame(
        {
            "age": pl.Series(np.where(random.random(rows) < 0.1, np.nan, age)).fill_nan(None),
            "city": random.choice(["Bonn", "Köln", ""], rows).tolist(),
            "member": (random.random(rows) < 0.5).tolist(),
            "answer": np.where(age > 40, "yes", "no").tolist(),
        }
    ).write_parquet(tmp_path / "data.parquet")
    config = DataConfig(source="parquet", path="data.parquet", target="answer")
    return prepare(config, tmp_path, 1, None)


def test_a_sample_has_features_and_target_with_missing_values_as_null(dataset):
    sample = sample_of(dataset.schema, dataset.train)
    assert sample.schema == {"age": pl.Float32, "city": pl.String, "member": pl.Boolean, "answer": pl.String}
    assert sample.height == MOST_ROWS < dataset.train.rows
    assert sample["age"].null_count() == pytest.approx(500, abs=100)
    assert set(sample["city"].unique()) == {"Bonn", "Köln", None}
    assert set(sample["answer"].unique()) == {"yes", "no"}


def test_numbers_alone_and_a_number_as_target(tmp_path):
    frame = pl.DataFrame({"a": np.arange(300.0), "b": np.arange(300.0) % 7, "y": np.arange(300.0) / 3})
    frame.write_csv(tmp_path / "data.csv")
    dataset = prepare(DataConfig(source="csv", path="data.csv", target="y"), tmp_path, 1, None)
    sample = sample_of(dataset.schema, dataset.train)
    assert sample.schema == {"a": pl.Float32, "b": pl.Float32, "y": pl.Float32}
    # the columns still belong together, row by row
    assert np.allclose(sample["a"] / 3, sample["y"])


def test_what_is_kept_has_the_same_values_and_no_rows(dataset, tmp_path):
    sample = sample_of(dataset.schema, dataset.train)
    write_reference(sample, tmp_path)
    kept = read_reference(tmp_path)
    assert kept is not None
    for name in sample.columns:
        assert kept[name].equals(sample[name].sort())
    assert not kept.equals(sample)


def test_a_wide_table_keeps_fewer_rows():
    columns = tuple(Column(f"c{number}", "numeric", "Float64") for number in range(5999))
    target = np.zeros(1500, np.float32)
    wide = Table({"features": np.zeros((1500, 5999), np.float32)}, target, pl.DataFrame({"y": target}))
    assert sample_of(Schema(columns, Target("y", "regression")), wide).height == 5_000_000 // 6000


def test_rows_of_few_different_values_are_sampled_evenly(tmp_path):
    # 24 different rows: what stands together in a table must not be taken or left together
    random, columns = np.random.default_rng(2), ("a", "b", "c", "y")
    samples = []
    for rows in (20_000, 4000):
        pl.DataFrame(
            {name: random.choice(["x", "y", "z"][: 2 + (name == "a")], rows).tolist() for name in columns}
        ).write_parquet(tmp_path / "data.parquet")
        config = DataConfig(source="parquet", path="data.parquet", target="y", split_by=["a"], holdout_fraction=0.4)
        dataset = prepare(config, tmp_path, 1, None)
        samples.append(sample_of(dataset.schema, dataset.train))
    assert compare(*samples, DriftConfig(min_effect=0)).drifted == []


def test_a_version_without_a_sample_has_none(tmp_path):
    assert read_reference(tmp_path) is None


@pytest.mark.parametrize("content", [b"", b"nothing of the kind", b"PAR1" * 10])
def test_a_sample_that_cannot_be_read_is_named(tmp_path, content):
    (tmp_path / REFERENCE).write_bytes(content)
    with pytest.raises(DataError, match=r"reference\.parquet cannot be read"):
        read_reference(tmp_path)


def test_a_sample_that_cannot_be_written_is_a_storage_error(dataset, tmp_path):
    sample = sample_of(dataset.schema, dataset.train)
    with pytest.raises(StorageError):
        write_reference(sample, tmp_path / "missing")
    (tmp_path / REFERENCE).symlink_to("/dev/full")
    with pytest.raises(StorageError, match="the disk is full"):
        write_reference(sample, tmp_path)


def test_recent_rows_are_those_of_the_window(tmp_path):
    days = [f"2026-01-{day:02d}" for day in range(1, 31) for _ in range(50)]
    values = np.random.default_rng(1).random(len(days))
    pl.DataFrame({"at": days, "x": values, "y": values > 0.5}).write_csv(tmp_path / "data.csv")
    config = DataConfig(source="csv", path="data.csv", target="y", window=WindowConfig(column="at", days=10))
    dataset = prepare(config, tmp_path, 1, None)
    assert dataset.recent.frame["at"].min() == date(2026, 1, 21)
    # a third of the training rows, and none that judges
    assert dataset.recent.rows == pytest.approx(400, abs=60)
    assert dataset.recent.rows + dataset.holdout.rows == 500
    without = prepare(DataConfig(source="csv", path="data.csv", target="y", ignore=["at"]), tmp_path, 1, None)
    assert without.recent is without.train

"""A holdout of recent rows: which rows judge, which are trained on, and which nobody uses."""

import datetime
import re
import sqlite3

import polars as pl
import pytest

from keepfit.config import DataConfig
from keepfit.data.dataset import prepare
from keepfit.errors import DataError

FIRST = datetime.datetime(2026, 1, 1, 6)
WINDOW = {"column": "at", "days": 100}


@pytest.fixture
def dated(table):
    """The table with a row a day from the first on, the newest is row 200."""
    return table.with_columns(at=pl.Series([FIRST + datetime.timedelta(days=number) for number in range(200)]))


def ages(table):
    return set(table.frame["age"])


def test_only_recent_rows_judge_and_no_row_wanders_to_the_training(dated, prepared):
    whole, recent = prepared(dated, ignore=["at"]), prepared(dated, window=WINDOW)
    newest = set(dated.tail(100)["age"])
    assert ages(recent.holdout) == ages(whole.holdout) & newest
    assert ages(recent.train) == ages(whole.train)
    assert recent.older_rows == whole.holdout.rows - recent.holdout.rows > 0
    assert recent.schema == whole.schema
    assert "at" not in recent.schema.feature_names
    assert (whole.older_rows, recent.fingerprint) == (0, whole.fingerprint)


def test_row_keeps_its_side_when_the_window_moves_on(dated, prepared):
    before, later = prepared(dated.head(150), window=WINDOW), prepared(dated, window=WINDOW)
    assert not ages(before.holdout) & ages(later.train)
    assert not ages(before.train) & ages(later.holdout)


@pytest.mark.parametrize(
    "dates",
    [
        pl.col("at").cast(pl.Date),
        pl.col("at").dt.cast_time_unit("ns"),
        pl.col("at").dt.replace_time_zone("UTC").dt.convert_time_zone("Europe/Berlin"),
        pl.col("at").dt.strftime("%Y-%m-%d %H:%M:%S"),
        pl.col("at").dt.strftime("%Y-%m-%dT%H:%M:%S+00:00"),
        pl.col("at").dt.strftime("%Y-%m-%d"),
    ],
)
def test_every_kind_of_date_is_understood(dated, prepared, dates):
    expected = prepared(dated, window=WINDOW)
    found = prepared(dated.with_columns(dates.alias("at")), window=WINDOW)
    assert ages(found.holdout) == ages(expected.holdout)


def test_row_without_a_date_does_not_judge(dated, prepared):
    undated = dated.with_columns(pl.when(pl.int_range(pl.len()) % 3 == 0).then("at"))
    assert prepared(undated, window=WINDOW).holdout.frame["at"].null_count() == 0


def test_window_column_is_neither_new_nor_a_feature_in_later_runs(dated, prepared):
    known = prepared(dated, window=WINDOW).schema
    assert prepared(dated, known, window=WINDOW).warnings == prepared(dated, window=WINDOW).warnings
    assert any("'at' is new" in warning for warning in prepared(dated, known).warnings)


def test_window_column_that_is_asked_for_as_a_feature_is_refused_as_any_date(dated, prepared):
    with pytest.raises(DataError, match=r"column 'at' is of type Datetime.* cannot be learned from"):
        prepared(dated, window=WINDOW, features=["age", "at"])


def test_window_looks_at_separate_holdout_files_too(tmp_path, dated, prepared):
    dated.tail(60).write_parquet(tmp_path / "judge.parquet")
    dataset = prepared(dated.head(140), holdout_path="judge.parquet", window={"column": "at", "days": 20})
    assert ages(dataset.holdout) == set(dated.tail(20)["age"])
    assert (dataset.train.rows, dataset.older_rows) == (140, 40)


@pytest.mark.parametrize(
    ("change", "window", "message"),
    [
        ([], {"column": "when"}, "there is no column 'when' (data.window.column): the data has 'age', 'member', "),
        ([], {"column": "age"}, "column 'age' (data.window.column) is of type Float64: expected dates, or dates and"),
        ([], {"column": "city"}, "column 'city' (data.window.column) has 'Bonn' in "),
        (pl.lit(None, pl.Date).alias("at"), {}, "column 'at' (data.window.column) has no date in any row"),
        (
            [],
            {"days": 0.5},
            "only 1 row of the 0.5 days up to 2026-07-19 06:00 by column 'at' (data.window) is for judging: at least ",
        ),
        (
            [],
            {"days": 30},
            "rows of the 30 days up to 2026-07-19 06:00 by column 'at' (data.window) are for judging: at least 10 ",
        ),
    ],
)
def test_window_that_cannot_be_had_stops(dated, prepared, change, window, message):
    with pytest.raises(DataError, match=re.escape(message)):
        prepared(dated.with_columns(change), ignore=["at"], window={**WINDOW, **window})


def test_window_of_a_query_reads_the_texts_that_sqlite_keeps_as_dates(tmp_path, dated):
    with sqlite3.connect(tmp_path / "shop.sqlite3") as connection:
        connection.execute("create table visits (age real, city text, y text, at text)")
        rows = dated.select("age", "city", "y", pl.col("at").dt.strftime("%Y-%m-%d %H:%M:%S")).rows()
        connection.executemany("insert into visits values (?, ?, ?, ?)", rows)
    connection.close()
    source = {"source": "sql", "url": "sqlite:///shop.sqlite3", "query": "select * from visits", "target": "y"}
    dataset = prepare(DataConfig(**source, window=WINDOW), tmp_path, 0, None)
    assert min(dataset.holdout.frame["at"]) > "2026-04-"
    assert dataset.older_rows > 0

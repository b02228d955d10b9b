"""The golden set: frozen rows of the known form, never among those that are trained on."""

import sqlite3

import polars as pl
import pytest
from pydantic import ValidationError

from keepfit.config import DataConfig
from keepfit.data.dataset import prepare
from keepfit.errors import DataError


@pytest.fixture
def with_golden(tmp_path, table, prepared):
    """Prepare the table's first 150 rows beside a golden set."""

    def run(golden, *, form="parquet", **config):
        file = tmp_path / f"golden.{form}"
        if form == "csv":
            golden.write_csv(file)
        else:
            golden.write_parquet(file)
        return prepared(table.head(150), form=form, **{"golden_path": file.name, **config})

    return run


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_golden_rows_lie_beside_the_split_in_the_schema_s_form(with_golden, table, form):
    dataset = with_golden(table.tail(50).select("y", "weight", "city", "member", "age"), form=form)
    assert dataset.train.rows + dataset.holdout.rows == 150
    golden = dataset.golden.table
    assert golden.rows == 50
    assert list(golden.inputs) == list(dataset.holdout.inputs) == ["age", "member", "city", "weight"]
    assert golden.inputs["city"].tolist() == table.tail(50)["city"].to_list()
    assert [("no", "yes")[index] for index in golden.target] == table.tail(50)["y"].to_list()
    assert dataset.warnings[-1] == "the golden set has only 50 rows: the accuracy on them can be far from the true one"


def test_golden_rows_change_neither_split_nor_what_is_learned(with_golden, table):
    beside = with_golden(table.tail(50))
    alone = with_golden(table.tail(50), golden_path=None)
    assert alone.golden is None
    assert beside.schema == alone.schema
    assert beside.fingerprint == alone.fingerprint
    assert beside.holdout_identity == alone.holdout_identity


def test_golden_fingerprint_knows_the_rows_and_not_their_order(with_golden, table):
    first = with_golden(table.tail(50)).golden.identity
    assert with_golden(table.tail(50).reverse()).golden.identity == first
    assert with_golden(table.tail(49)).golden.identity.fingerprint != first.fingerprint


def test_golden_row_among_the_training_rows_stops(with_golden, table):
    dataset = with_golden(table.tail(50))
    trained = dataset.train.frame.slice(3, 1)
    row = table.head(150)["age"].to_list().index(trained["age"][0]) + 1
    with pytest.raises(DataError) as raised:
        with_golden(table.tail(50).vstack(trained))
    assert str(raised.value) == (
        "the golden set's data row 51 also stands in the training rows with the same value in every feature "
        f"(the first as data row {row}): remove them from one side"
    )


def test_golden_row_of_the_holdout_is_welcome(with_golden, table):
    judged = with_golden(table.tail(50)).holdout.frame
    assert with_golden(table.tail(50).vstack(judged)).golden.table.rows == 50 + judged.height


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows.drop("age"), r"there is no column 'age' \(data\.golden_path\)"),
        (lambda rows: rows.drop("y"), r"there is no column 'y' \(data\.golden_path\)"),
        (
            lambda rows: rows.with_columns(y=pl.lit("maybe")),
            r"\(data\.golden_path\) does not fit: .* unknown class 'maybe'",
        ),
        (
            lambda rows: rows.with_columns(age=pl.lit("old")),
            r"\(data\.golden_path\) does not fit: .* has 'old' in 50 data",
        ),
        (
            lambda rows: rows.with_columns(y=pl.lit(None, pl.String)),
            "does not fit: the target 'y' is missing in 50 data",
        ),
        (lambda rows: rows.head(0), r"the golden set \(data\.golden_path\) has no rows"),
    ],
)
def test_golden_set_of_another_form_stops(with_golden, table, change, message):
    with pytest.raises(DataError, match=message):
        with_golden(change(table.tail(50)))


def test_golden_file_that_is_trained_on_as_well_stops(with_golden, table):
    with pytest.raises(DataError, match=r"golden\.parquet is named by data\.path and by data\.golden_path"):
        with_golden(table.tail(50), path="*.parquet")


def test_golden_file_that_is_not_there_is_named(with_golden, table):
    with pytest.raises(DataError, match=r"there is no file .*none\.parquet \(data\.golden_path is 'none\.parquet'\)"):
        with_golden(table.tail(50), golden_path="none.parquet")


def test_golden_file_lies_beside_a_database(tmp_path, table):
    with sqlite3.connect(tmp_path / "shop.sqlite3") as connection:
        connection.execute("create table rows_of_all (age real, city text, y text)")
        known = table.head(150).select("age", "city", "y").rows()
        connection.executemany("insert into rows_of_all values (?, ?, ?)", known)
    connection.close()
    table.tail(50).write_csv(tmp_path / "golden.csv")
    config = {"source": "sql", "url": "sqlite:///shop.sqlite3", "query": "select * from rows_of_all", "target": "y"}
    dataset = prepare(DataConfig(**config, golden_path="golden.csv"), tmp_path, 0, None)
    assert dataset.golden.table.rows == 50
    with pytest.raises(ValidationError, match=r"beside source 'sql' a \.csv or \.parquet file is expected"):
        DataConfig(**config, golden_path="golden")


def test_synthetic_rows_have_no_golden_set():
    with pytest.raises(ValidationError, match="golden_path is for rows of your own"):
        DataConfig(golden_path="golden.csv")

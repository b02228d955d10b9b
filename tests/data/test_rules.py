"""Every rule that stops a training or warns, with its whole message."""

import datetime
import math
import re

import polars as pl
import pytest

from keepfit.errors import DataError

C = pl.col
ROW = pl.int_range(pl.len())


def at(index, value, name):
    return pl.when(index == ROW).then(pl.lit(value)).otherwise(C(name)).alias(name)


FIRST_RUN = {
    "infinite": (at(4, math.inf, "age"), {}, "column 'age' has an infinite value in data row 5: "),
    "minus infinite": (at(0, -math.inf, "age"), {}, "column 'age' has an infinite value in data row 1: "),
    "over float32": (
        at(4, 1e39, "age"),
        {},
        "column 'age' has a value too large for float32 (over 3.4e+38) in data row",
    ),
    "target missing": (
        pl.when(ROW > 190).then(None).otherwise("y").alias("y"),
        {},
        "the target 'y' is missing in 9 data rows (192, 193, 194, 195, 196, …): fill it in or remove the rows",
    ),
    "target empty text": (at(1, "", "y"), {}, "the target 'y' is missing in data row 2: "),
    "one class": (pl.lit("no").alias("y"), {}, "the target 'y' has only the class 'no': there is nothing to learn"),
    "no target value": (pl.lit(None).alias("y"), {}, "the target 'y' has no value: there is nothing to learn"),
    "a rare class": (
        at(4, "maybe", "y"),
        {},
        (
            "the target 'y' has no holdout row of class 'maybe' (1 of all 200 rows have it): collect more rows, "
            "or change data.holdout_fraction"
        ),
    ),
    "constant quantity": (
        pl.lit(2.5).alias("y"),
        {},
        "the target 'y' is 2.5 in all rows: there is nothing to learn",
    ),
    "text for regression": ([], {"task": "regression"}, "the target 'y' is of type String: regression needs numbers"),
    "three for binary": (
        (ROW % 3).alias("y"),
        {"task": "binary"},
        "the target 'y' has 3 classes, but data.task is binary",
    ),
    "too many classes": (
        pl.format("c{}", ROW % 1500).alias("y"),
        {},
        "the target 'y' has 1,500 classes: more than 1,000",
    ),
    "date target": (
        pl.lit(datetime.date(2020, 1, 1)).alias("y"),
        {},
        "the target 'y' is of type Date: expected numbers, text or booleans",
    ),
    "date": (
        pl.lit(datetime.date(2020, 1, 1)).alias("day"),
        {},
        (
            "column 'day' is of type Date, which cannot be learned from: put it into data.ignore, "
            "or convert it to a number or text"
        ),
    ),
    "list": (pl.concat_list("age").alias("ages"), {}, "column 'ages' is of type List(Float64), which cannot"),
    "duration": (pl.duration(days="age").alias("long"), {}, "column 'long' is of type Duration(time_unit='us'), which"),
    "empty column": (
        pl.lit(None).alias("void"),
        {},
        "column 'void' is empty in all rows: put it into data.ignore",
    ),
    "identifier": (
        pl.format("id{}", ROW).alias("key"),
        {},
        "column 'key' has another text in every row, as an id has: put it into data.ignore",
    ),
    "misspelt number": (
        pl.when(ROW.is_in([2, 5])).then(pl.lit("n/a")).otherwise(C("age").cast(pl.String)).alias("age"),
        {},
        (
            "column 'age' has 'n/a' instead of a number in 2 data rows (3, 6): correct it or leave it empty, "
            "or put the column into data.categorical"
        ),
    ),
    "no such target": (
        [],
        {"target": "z"},
        "there is no column 'z' (data.target): the data has 'age', 'member', 'city', 'weight', 'y'",
    ),
    "no such feature": ([], {"features": ["agee"]}, "there is no column 'agee' (data.features): the data has 'age', "),
    "no such code": ([], {"categorical": ["plz"]}, "there is no column 'plz' (data.categorical): the data has "),
    "no such split": ([], {"split_by": ["who"]}, "there is no column 'who' (data.split_by): the data has "),
    "target as feature": ([], {"features": ["y"]}, "column 'y' is the target: take it out of data.features"),
    "no feature": (
        [],
        {"ignore": ["age", "member", "city", "weight"]},
        "no column is left to learn from: the data has 'age', 'member', 'city', 'weight', 'y'",
    ),
    "no holdout": (
        [],
        {"holdout_fraction": 1e-9},
        "none of the 200 rows is a holdout row (200 of them are different, and equal rows lie on one side): ",
    ),
    "no training": (
        [],
        {"holdout_fraction": 1 - 1e-9},
        "none of the 200 rows is a training row (200 of them are different, ",
    ),
    "unhashable split": (
        pl.struct("age").alias("who"),
        {"split_by": ["who"], "ignore": ["who"]},
        "column 'who' is of type Struct({'age': Float64}), which cannot decide the split",
    ),
}


@pytest.mark.parametrize("rule", FIRST_RUN)
def test_first_run_stops_at(rule, table, prepared):
    change, config, message = FIRST_RUN[rule]
    if rule == "too many classes":
        table = pl.concat([table] * 10)
    with pytest.raises(DataError, match="^" + re.escape(message)):
        prepared(table.with_columns(change), **config)


LATER_RUN = {
    "column missing": (
        lambda table: table.drop("city"),
        {},
        "column 'city' is missing, but earlier runs learned from it: add it, or start a new schema with --new-schema",
    ),
    "target gone": (lambda table: table.drop("y"), {}, "column 'y' is missing, but earlier runs learned from it"),
    "number became text": (
        lambda table: table.with_columns(
            pl.when(ROW == 6).then(pl.lit("old")).otherwise(C("age").cast(pl.String)).alias("age")
        ),
        {},
        "column 'age' was numeric in earlier runs, but has 'old' in data row 7",
    ),
    "number became boolean": (
        lambda table: table.with_columns(C("age") > 40),
        {},
        "column 'age' was numeric in earlier runs, but is of type Boolean now",
    ),
    "boolean became number": (
        lambda table: table.with_columns(C("member").cast(pl.Int8)),
        {},
        "column 'member' was boolean in earlier runs, but is of type Int8 now",
    ),
    "boolean missing": (
        lambda table: table.with_columns(at(7, None, "member")),
        {},
        "column 'member' had a value in all rows of earlier runs, but is missing in data row 8",
    ),
    "category became date": (
        lambda table: table.with_columns(city=datetime.date(2020, 1, 1)),
        {},
        "column 'city' was categorical in earlier runs, but is of type Date now",
    ),
    "unknown class": (
        lambda table: table.with_columns(at(3, "maybe", "y")),
        {},
        "the target 'y' has the unknown class 'maybe' in data row 4: the classes of earlier runs are no, yes",
    ),
    "class absent": (
        lambda table: table.with_columns(y=pl.lit("no")),
        {},
        "the target 'y' has no training row of class 'yes' (0 of all 200 rows have it): ",
    ),
    "no rows": (lambda table: table.clear(), {}, "the data has no rows"),
    "few rows": (lambda table: table.head(9), {}, "the data has 9 rows: at least 10 are needed"),
    "other target": (
        lambda table: table,
        {"target": "member"},
        (
            "data.target is 'member', but the schema of earlier runs and the served model predict 'y': "
            "change it back, or start a new schema with --new-schema"
        ),
    ),
    "other task": (lambda table: table, {"task": "multiclass"}, "data.task is 'multiclass', but the schema of "),
    "more features": (
        lambda table: table,
        {"features": ["age", "member", "city", "weight", "hat"]},
        "data.features has 'hat', but the schema of earlier runs and the served model do not know it: ",
    ),
    "ignored input": (
        lambda table: table,
        {"ignore": ["city"]},
        "config.json leaves out 'city', but the schema of earlier runs and the served model take it as an input: ",
    ),
    "fewer features": (
        lambda table: table,
        {"features": ["age", "member", "weight"]},
        "config.json leaves out 'city', but ",
    ),
}


@pytest.mark.parametrize("rule", LATER_RUN)
def test_later_run_stops_at(rule, table, prepared):
    change, config, message = LATER_RUN[rule]
    known = prepared(table).schema
    with pytest.raises(DataError, match="^" + re.escape(message)):
        prepared(change(table), known, **config)


def test_a_regression_target_that_becomes_text_stops(table, prepared):
    quantities = table.with_columns(y=C("age") * 2)
    known = prepared(quantities).schema
    with pytest.raises(DataError, match="the target 'y' was numeric in earlier runs, but is of type String now"):
        prepared(table, known)


WARNINGS = {
    "new column": (
        lambda table: table.with_columns(hat=1),
        "column 'hat' is new and is left out: the schema of earlier runs and the served model do not know it",
    ),
    "new categories": (
        lambda table: table.with_columns(pl.when(ROW < 2).then(pl.lit("Ulm")).otherwise("city").alias("city")),
        "column 'city' has 1 new categories in 2 rows: 'Ulm'",
    ),
    "far outside": (
        lambda table: table.with_columns(at(0, 9999.0, "age")),
        "column 'age' has 2 values outside the earlier range 20.25 to 69.5: they lie between 20.25 and 9999",
    ),
    "many outside": (
        lambda table: table.with_columns(pl.when(ROW < 10).then(19.0 + ROW / 100).otherwise("age").alias("age")),
        "column 'age' has 11 values outside the earlier range",
    ),
    "missing now": (
        lambda table: table.with_columns(at(0, None, "age")),
        "column 'age' is missing in 0.5% of the rows, 0.0% in the earlier data",
    ),
    "all missing now": (
        lambda table: table.with_columns(age=None),
        "column 'age' is missing in 100.0% of the rows, 0.0% in the earlier data",
    ),
    "all the same": (
        lambda table: table.with_columns(age=30.0, city=pl.lit("Bonn")),
        "2 columns ('age', 'city') have the same value in all training rows, which cannot help",
    ),
    "few judged": (lambda table: table, "the holdout has only "),
}


@pytest.mark.parametrize("rule", WARNINGS)
def test_later_run_warns_of(rule, table, prepared):
    change, message = WARNINGS[rule]
    known = prepared(table).schema
    found = prepared(change(table), known)
    assert [warning for warning in found.warnings if warning.startswith(message)], found.warnings


def test_the_same_data_again_gives_no_warning(table, prepared):
    rows = pl.concat([table, table.with_columns(C("age") + 50.0), table.with_columns(C("age") + 100.0)])
    assert prepared(rows, prepared(rows).schema).warnings == ()


def test_an_id_in_whole_numbers_and_a_mistyped_ignore_are_warned_of(table, prepared):
    warnings = prepared(table.with_columns(n=ROW), ignore=["agee"]).warnings
    assert "data.ignore has 'agee', but the data has no such column" in warnings
    assert "column 'n' has another number in every row, counting up as an id does: see data.ignore" in warnings


def test_a_wide_table_that_changes_everywhere_does_not_drown_the_log(prepared):
    wide = pl.DataFrame({f"c{number}": [float(row % 97) for row in range(600)] for number in range(50)})
    wide = wide.with_columns(c0=ROW.cast(pl.Float64) / 8, y=ROW % 2)
    found = prepared(wide.with_columns(pl.exclude("y") + 1000), prepared(wide).schema).warnings
    assert len(found) == 21
    assert found[-1] == "30 more changes since the earlier data are not listed"


def test_a_holdout_row_that_was_trained_on_stops(tmp_path, table, prepared):
    table.tail(60).vstack(table.slice(10, 2)).write_parquet(tmp_path / "judge.parquet")
    with pytest.raises(DataError) as raised:
        prepared(table.head(140), holdout_path="judge.parquet")
    assert str(raised.value) == (
        "the holdout's 2 data rows (61 of judge.parquet, 62 of judge.parquet) also stand in the training rows with the "
        "same value in every feature (the first as data row 11 of data.parquet): remove them from one side"
    )


def test_twins_that_split_by_would_part_stop(table, prepared):
    twins = pl.concat([table.with_columns(who=pl.lit(number) + ROW) for number in (0, 1000)])
    with pytest.raises(DataError, match="also stand in the training rows"):
        prepared(twins, split_by=["who"], ignore=["who"])


def test_more_than_ten_thousand_columns_are_refused(prepared):
    wide = pl.DataFrame({f"c{number}": [0.5] for number in range(10_001)}).with_columns(y=1)
    with pytest.raises(DataError, match="10,001 columns to learn from: more than 10,000 are not supported"):
        prepared(wide)


def test_more_than_ten_thousand_categories_are_refused(prepared):
    names = pl.DataFrame({"name": [f"n{number % 10_001}" for number in range(10_100)]}).with_columns(y=ROW % 2)
    with pytest.raises(DataError, match="column 'name' has 10,001 different texts, more than the 10,000"):
        prepared(names)

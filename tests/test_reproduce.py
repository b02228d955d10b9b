"""What was trained can be trained again to the bit, and what stands in the way is named."""

import json
import os

import polars as pl
import psycopg
import pytest

from keepfit import exits
from keepfit.config import SyntheticConfig
from keepfit.data import synthetic
from keepfit.reproduce import judge

OWN = """
import keras
from layers_of_mine import RATE

def build(inputs, outputs, task):
    return keras.Sequential([
        keras.Input((inputs,)), keras.layers.Dense(32, "relu"), keras.layers.Dropout(RATE),
        keras.layers.Dense(outputs, "sigmoid"),
    ])
"""


def outcome(done):
    found = json.loads(done.stdout)
    return found["outcome"], found["weights"], found["predictions"], done.returncode


def test_default_project_is_repeated_to_the_bit_and_nothing_is_published(promoted):
    before = {path: path.stat().st_mtime_ns for path in promoted.models.rglob("*")}
    done = promoted.run("reproduce", "1")
    assert done.returncode == exits.OK, done.stdout + done.stderr
    assert "IDENTICAL: weights and predictions are bit-identical" in done.stdout
    assert {path: path.stat().st_mtime_ns for path in promoted.models.rglob("*")} == before


@pytest.fixture(scope="module")
def own(tmp_path_factory, user_projects):
    """A CSV file, and an own model of two files with dropout, trained once."""
    project = user_projects(tmp_path_factory.mktemp("own"))
    (project.folder / "my_model.py").write_text(OWN)
    (project.folder / "layers_of_mine.py").write_text("RATE = 0.2\n")
    synthetic.make(SyntheticConfig(rows=400), seed=1).write_csv(project.folder / "rows.csv")
    project.configure(data={"source": "csv", "path": "rows.csv"}, model="my_model:build")
    done = project.run("retrain")
    assert done.returncode == exits.OK, done.stdout + done.stderr
    return project


def test_csv_with_an_own_model_is_repeated_to_the_bit_in_any_order_of_its_rows(own):
    code = own.metrics(1)["code"]
    assert list(code) == ["layers_of_mine.py", "my_model.py"]
    rows = pl.read_csv(own.folder / "rows.csv")
    rows.sample(fraction=1, shuffle=True, seed=3).write_csv(own.folder / "rows.csv")
    try:
        assert outcome(own.run("reproduce", "1", "--json")) == ("identical", True, True, exits.OK)
    finally:
        rows.write_csv(own.folder / "rows.csv")


def test_code_that_changed_is_named(own):
    (own.folder / "layers_of_mine.py").write_text("RATE = 0.3\n")
    done = own.run("reproduce", "1", "--json")
    (own.folder / "layers_of_mine.py").write_text("RATE = 0.2\n")
    assert outcome(done) == ("different", False, False, exits.DIFFERENT)
    found = json.loads(done.stdout)
    assert found["reason"] == "the result differs, and so does what it was made with: code"
    assert [difference["name"] for difference in found["environment"]] == ["code.layers_of_mine.py"]
    assert found["largest_difference"] > 0


def test_data_that_changed_is_told_before_anything_is_trained(own):
    rows = (own.folder / "rows.csv").read_text()
    (own.folder / "rows.csv").write_text(rows + "0.5,0.5,1\n")
    done = own.run("reproduce", "1")
    (own.folder / "rows.csv").write_text(rows)
    assert done.returncode == exits.DIFFERENT
    count = len(rows.splitlines()) - 1
    assert f"the data changed: {count + 1} rows are there now, {count} were then" in done.stdout
    assert "fingerprint" in done.stdout


def test_data_that_is_gone_is_told(own):
    (own.folder / "rows.csv").rename(own.folder / "elsewhere.csv")
    done = own.run("reproduce", "1")
    (own.folder / "elsewhere.csv").rename(own.folder / "rows.csv")
    assert done.returncode == exits.INVALID_DATA
    assert "rows.csv" in done.stderr


@pytest.fixture
def table(postgres):
    """The URL of a database with a table `visits`, and a connection to it."""
    url = postgres.new_database()
    rows = synthetic.make(SyntheticConfig(rows=400), seed=1)
    with psycopg.connect(os.path.expandvars(url), autocommit=True) as connection:
        connection.execute("create table visits (x1 double precision, x2 double precision, label bigint)")
        with connection.cursor() as cursor:
            cursor.executemany("insert into visits values (%s, %s, %s)", rows.select("x1", "x2", "label").rows())
        yield url.replace("postgresql:", "postgresql+psycopg:"), connection


def test_rows_of_a_database_are_repeated_to_the_bit_until_they_change(table, user_project):
    url, connection = table
    user_project.configure(data={"source": "sql", "url": url, "query": "select * from visits"})
    done = user_project.run("retrain")
    assert done.returncode == exits.OK, done.stdout + done.stderr
    connection.execute("update visits set x1 = x1 where label = 0")
    assert outcome(user_project.run("reproduce", "1", "--json")) == ("identical", True, True, exits.OK)
    connection.execute("update visits set label = 1 where x1 = (select min(x1) from visits)")
    done = user_project.run("reproduce", "1")
    assert done.returncode == exits.DIFFERENT
    assert "the data changed: 400 rows are there now, 400 were then" in done.stdout
    assert "target.train.1" in done.stdout


def test_run_that_never_came_to_a_model_cannot_be_repeated(tmp_path, promoted):
    metrics = promoted.metrics(1)
    metrics.pop("digests")
    (promoted.models / "1" / "metrics.json").write_text(json.dumps(metrics))
    done = promoted.run("reproduce", "1")
    assert done.returncode == exits.USAGE
    assert "version 1 cannot be trained again: its record has no digests" in done.stderr


RECORD = {
    "dataset": {"fingerprint": "aa", "rows": 9},
    "digests": {"weights": "w", "predictions": "p"},
    "libraries": {"keras": "3.1"},
    "machine": {"processor": "x"},
}


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        ({}, "the result differs although nothing that is recorded does"),
        ({"libraries": {"keras": "3.2"}}, "what it was made with: libraries"),
        ({"libraries": {"keras": "3.2"}, "machine": {"processor": "y"}}, "what it was made with: libraries, machine"),
    ],
)
def test_reason_names_what_changed(found, reason):
    digests = {"weights": "other", "predictions": "p"}
    result = judge(RECORD, {**RECORD, "digests": digests, "largest_difference": 0.5, **found})
    assert (result.outcome, result.weights, result.predictions) == ("different", False, True)
    assert reason in result.reason

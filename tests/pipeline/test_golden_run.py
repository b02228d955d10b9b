"""Whole runs with a golden set: promoted, rejected by it alone, and refused before the training."""

import numpy as np
import polars as pl
import pytest

from keepfit import exits
from keepfit.pipeline import artifacts

GATE = {"min_accuracy_percent": 90, "champion": {"test": "not_shown_worse"}}
DATA = {"source": "csv", "path": "data.csv", "golden_path": "golden.csv"}


def rows(count, seed):
    """Two classes that a model tells apart on almost every row."""
    random = np.random.default_rng(seed)
    label = random.integers(0, 2, count)
    return pl.DataFrame({"x1": random.normal(4 * label, 1), "x2": random.normal(4 * label, 1), "label": label})


@pytest.fixture
def project(user_project):
    rows(600, 1).write_csv(user_project.folder / "data.csv")
    rows(200, 2).write_csv(user_project.folder / "golden.csv")
    return user_project.configure(gate=GATE, data=DATA)


def golden_rules(metrics):
    return {rule["rule"]: rule for rule in metrics["verdict"]["rules"] if rule["subject"] == "golden"}


def test_golden_set_is_answered_by_both_and_decides_by_itself(project):
    done = project.run("retrain")
    assert done.returncode == exits.OK, done.stdout + done.stderr
    assert ", 200 golden (csv, " in done.stdout
    metrics = project.metrics(1)
    assert list(golden_rules(metrics)) == ["min_accuracy_percent"]
    assert metrics["dataset"]["golden"]["rows"] == 200
    assert metrics["verdict"]["golden"]["looks"] == 1
    assert "golden set" in project.run("show", "1").stdout

    done = project.run("retrain")
    assert done.returncode == exits.OK, done.stdout + done.stderr
    again = project.metrics(2)
    assert list(golden_rules(again)) == ["min_accuracy_percent", "champion"]
    assert golden_rules(again)["champion"]["rows"] == 200
    assert again["verdict"]["golden"]["looks"] == 2
    assert again["dataset"]["golden"] == metrics["dataset"]["golden"]
    assert again["verdict"]["warnings"] == []

    # golden rows that the model gets wrong: the holdout alone would promote
    golden = project.folder / "golden.csv"
    pl.read_csv(golden).with_columns(label=1 - pl.col("label")).write_csv(golden)
    done = project.run("retrain")
    assert done.returncode == exits.REJECTED, done.stdout + done.stderr
    assert "golden: accuracy " in done.stdout
    assert "version 2 may look better on the golden rows than it is: the golden set has changed since" in done.stdout
    assert project.visible() == [1, 2]
    (candidate,) = (project.models / ".candidates").iterdir()
    rejected = artifacts.read_metrics(candidate)
    failed = [(rule["rule"], rule["subject"]) for rule in rejected["verdict"]["rules"] if rule["outcome"] == "fail"]
    assert failed == [("min_accuracy_percent", "golden")]
    assert rejected["verdict"]["golden"]["looks"] == 1
    assert "on the golden set" in (candidate / "report.html").read_text(encoding="utf-8")


def test_golden_row_that_would_be_trained_on_stops_before_the_training(project):
    data = pl.read_csv(project.folder / "data.csv")
    data.write_csv(project.folder / "golden.csv")
    done = project.run("retrain")
    assert done.returncode == exits.INVALID_DATA
    assert done.stderr.startswith("keepfit: the golden set's ")
    assert "also stand in the training rows" in done.stderr
    assert "training" not in done.stdout
    assert project.visible() == []


def test_window_says_what_is_left_out_and_stops_before_the_training_if_it_is_too_short(project):
    days = pl.datetime(2026, 1, 1) + pl.duration(hours=pl.int_range(pl.len()))
    pl.read_csv(project.folder / "data.csv").with_columns(at=days).write_csv(project.folder / "data.csv")
    project.configure(gate=GATE, data={**DATA, "window": {"column": "at", "days": 20}})
    done = project.run("retrain")
    assert done.returncode == exits.OK, done.stdout + done.stderr
    assert " older ones left out), 200 golden (csv, " in done.stdout
    assert project.metrics(1)["dataset"]["older_rows"] > 0
    assert project.metrics(1)["config"]["data"]["window"] == {"column": "at", "days": 20.0}
    project.configure(gate=GATE, data={**DATA, "window": {"column": "at", "days": 0.2}})
    done = project.run("retrain")
    assert done.returncode == exits.INVALID_DATA
    assert "by column 'at' (data.window)" in done.stderr
    assert "training" not in done.stdout

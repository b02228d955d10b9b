"""`keepfit init` as a user gives it: what it says of the table, and the config.json that it writes."""

import json

import numpy as np
import polars as pl
import pytest

from keepfit import exits


def write_table(folder, rows, target):
    random = np.random.default_rng(1)
    label = random.integers(0, 2, rows)
    values = {"x": random.normal(4 * label, 1), "kind": label, "amount": random.normal(0, 1, rows)}
    ignored = "amount" if target == "kind" else "kind"
    pl.DataFrame(values).drop(ignored).write_csv(folder / "table.csv")


@pytest.mark.parametrize(
    ("rows", "target", "told"), [(900, "kind", True), (9_000, "kind", False), (900, "amount", False)]
)
def test_a_holdout_too_small_for_the_margin_is_told_and_not_configured(user_project, rows, target, told):
    write_table(user_project.folder, rows, target)
    done = user_project.run("init", "own", "--data", "table.csv", "--target", target)
    assert done.returncode == exits.OK, done.stderr
    said = " ".join(done.stdout.split())
    assert ("rows are too few for the gate's margin of 0.5 points" in said) == told
    assert ("gate.champion.margin_points to 2.5 or more" in said) == told
    config = json.loads((user_project.folder / "own" / "config.json").read_text(encoding="utf-8"))
    assert list(config) == ["model_name", "gate", "data"]
    assert len(config["gate"]) == 1


def test_column_to_leave_out_is_named_and_then_left_out(user_project):
    rows = {"id": [f"C{number}" for number in range(500)], "x": range(500), "y": [0, 1] * 250}
    pl.DataFrame(rows).write_csv(user_project.folder / "table.csv")
    command = ("init", "own", "--data", "table.csv", "--target", "y")
    done = user_project.run(*command)
    assert done.returncode == exits.INVALID_DATA
    assert "column 'id' has another text in every row, as an id has: put it into data.ignore" in done.stderr
    assert not (user_project.folder / "own").exists()
    done = user_project.run(*command, "--ignore", "id")
    assert done.returncode == exits.OK, done.stderr
    config = json.loads((user_project.folder / "own" / "config.json").read_text(encoding="utf-8"))
    assert config["data"]["ignore"] == ["id"]

"""The example folders hold what their scripts write and what their READMEs say."""

import importlib.util
import json
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from keepfit import project
from keepfit.data.dataset import prepare

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
ROWS = {"breast_cancer": 569, "digits": 1797, "churn": 12_000}
KINDS = {"breast_cancer": "binary", "digits": "multiclass", "churn": "binary"}


def module_of(path):
    spec = importlib.util.spec_from_file_location(f"{path.parent.name}_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def load(name):
    return project.load(EXAMPLES / name / "config.json", {}, must_exist=True)


def dataset_of(name):
    example = load(name)
    return prepare(example.config.data, example.root, 0, None)


def test_every_example_is_tested():
    assert {path.parent.name for path in EXAMPLES.glob("*/config.json")} == set(ROWS)


@pytest.mark.parametrize("name", ROWS)
def test_the_data_file_is_what_the_script_writes(name):
    file = next((EXAMPLES / name).glob("data.*"))
    committed = pl.read_csv(file) if file.suffix == ".csv" else pl.read_parquet(file)
    assert committed.equals(module_of(EXAMPLES / name / "make_data.py").make())
    assert file.stat().st_size < 1_000_000


@pytest.mark.parametrize("name", ROWS)
def test_the_example_is_prepared_as_configured(name):
    dataset = dataset_of(name)
    assert dataset.train.rows + dataset.holdout.rows == ROWS[name]
    assert dataset.schema.target.task == KINDS[name] == load(name).config.data.task
    assert not [warning for warning in dataset.warnings if "row0_column0" not in warning]
    again = prepare(load(name).config.data, EXAMPLES / name, 1, dataset.schema)
    assert again.fingerprint == dataset.fingerprint


@pytest.mark.parametrize("name", ROWS)
def test_the_readme_gives_the_commands_and_the_true_figures(name):
    text = (EXAMPLES / name / "README.md").read_text()
    assert f"keepfit retrain --config examples/{name}/config.json" in text
    assert f"keepfit up --config examples/{name}/config.json" in text
    assert f"{load(name).config.gate.min_accuracy_percent:g} %" in text
    assert f"{ROWS[name]:,}" in text
    assert re.search(rf"\b{dataset_of(name).holdout.rows:,} rows\b", text)


def test_churn_states_the_best_possible_accuracy():
    folder = EXAMPLES / "churn"
    script, stated = module_of(folder / "make_data.py"), json.loads((folder / "best_possible.json").read_text())
    assert stated == script.best_possible(script.make())
    readme = (folder / "README.md").read_text()
    assert f"{stated['expected_accuracy_percent']} %" in readme
    assert f"{stated['accuracy_percent_on_these_rows']} %" in readme
    holdout = dataset_of("churn").holdout
    of_rule = 100 * ((script.leave_probability(holdout.frame) > 0.5) == holdout.target).mean()
    assert f"{of_rule:.2f} %" in readme
    assert load("churn").config.gate.min_accuracy_percent < of_rule


def test_churn_has_every_kind_of_column_and_missing_values():
    columns = {column.name: column for column in dataset_of("churn").schema.columns}
    assert {column.kind for column in columns.values()} == {"numeric", "boolean", "categorical"}
    assert columns["has_app"].categories == ("false", "true")
    assert {name for name, column in columns.items() if column.missing_share} == {
        "tenure_months",
        "monthly_fee",
        "payment",
        "has_app",
    }


def test_the_best_possible_accuracy_is_that_of_fresh_draws_too():
    script = module_of(EXAMPLES / "churn" / "make_data.py")
    fresh = script.best_possible(script.make(rows=50_000, seed=1))
    assert fresh["expected_accuracy_percent"] == pytest.approx(fresh["accuracy_percent_on_these_rows"], abs=0.5)


def test_the_digits_model_has_the_shape_that_keepfit_asks_for():
    build = module_of(EXAMPLES / "digits" / "my_model.py").build
    model = build(64, 10, "multiclass", **load("digits").config.model.options)
    probabilities = model.predict(np.zeros((3, 64), np.float32), verbose=0)
    assert probabilities.shape == (3, 10)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    with pytest.raises(ValueError, match="takes 64 pixels"):
        build(30, 1, "binary")


@pytest.mark.parametrize("name", ["models/", "state/", "notifications.log", "last_train_log.txt"])
def test_what_an_example_makes_is_not_committed(name):
    assert f"/examples/*/{name}" in (ROOT / ".gitignore").read_text().splitlines()

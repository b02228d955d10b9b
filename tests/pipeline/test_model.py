"""Preprocessing, the default model and models of the user's own, from a table to predictions."""

import math
import sys

import keras
import numpy as np
import polars as pl
import pytest

from keepfit.config import DataConfig, ModelConfig
from keepfit.data.dataset import prepare
from keepfit.data.schema import Column, Schema, Target
from keepfit.errors import TrainingError
from keepfit.pipeline.contract import input_names
from keepfit.pipeline.layers import preprocessing
from keepfit.pipeline.model import assemble

BINARY = Target("y", "binary", ("no", "yes"))
AGE = Column("age", "numeric", "Float64", 0, 10, mean=4.0, std=2.0, median=3.0)
WEIGHT = Column("weight", "numeric", "Float64", 0, 10, mean=10.0, std=5.0, median=8.0, missing_share=0.1)
CITY = Column("city", "categorical", "String", categories=("Bonn", "Köln"))
MEMBER = Column("member", "boolean", "Boolean")
CONSTANT = Column("same", "numeric", "Float64", 7, 7, mean=7.0, std=0.0, median=7.0)


def assembled(schema, root, **config):
    return assemble(schema, preprocessing(schema), ModelConfig(**config), 0.01, root)


def test_numbers_are_normalised_and_missing_ones_imputed_and_flagged():
    model = preprocessing(Schema((AGE, WEIGHT), BINARY))
    found = model.predict(np.array([[4, 10], [6, np.nan], [np.nan, 20]], np.float32), verbose=0)
    # age, weight, weight was missing; a missing age, which training never had, takes its median
    assert found == pytest.approx(np.array([[0, 0, 0], [1, -0.4, 1], [-0.5, 2, 0]]))


def test_constant_column_is_harmless():
    model = preprocessing(Schema((CONSTANT,), BINARY))
    found = model.predict(np.array([[7], [9], [np.nan]], np.float32), verbose=0)
    assert np.isfinite(found).all()
    assert found[0, 0] == 0


def test_mixed_table_has_one_vector_a_column():
    model = preprocessing(Schema((CITY, MEMBER, WEIGHT), BINARY))
    assert [tuple(tensor.shape) for tensor in model.inputs] == [(None,)] * 3


@pytest.mark.parametrize(
    ("city", "one_hot"),
    [("Bonn", [0, 1, 0]), ("Köln", [0, 0, 1]), ("Trier", [1, 0, 0]), ("", [1, 0, 0]), ("bonn", [1, 0, 0])],
)
def test_unseen_and_missing_categories_have_a_place_of_their_own(tmp_path, city, one_hot):
    assembly = assembled(Schema((CITY, MEMBER, WEIGHT), BINARY), tmp_path)
    inputs = {
        "city": np.array([city], object),
        "member": np.array([True]),
        "weight": np.array([np.nan], np.float32),
    }
    assert assembly.preprocessed(inputs)[0] == pytest.approx([*one_hot, 1, -0.4, 1])
    assert assembly.predict(inputs).shape == (1, 1)


def test_table_without_numbers_works(tmp_path):
    assembly = assembled(Schema((CITY,), BINARY), tmp_path)
    assert assembly.predict({"city": np.array(["Bonn"] * 20_000, object)}).shape == (20_000, 1)


HOSTILE = [
    "a b",
    "a-b",
    "a_b",
    "ä",
    "",
    "1st",
    "class",
    "None",
    "x/y:0",
    "self",
    "_self",
    "args",
    "inputs",
    "training",
    "'; drop table--",
    "λ" * 300,
    "a.b",
]


def test_hostile_column_names_become_different_identifiers():
    columns = tuple(Column(name, "boolean", "Boolean") for name in [*HOSTILE, "_", "a_b_2", "A B"])
    names = input_names(Schema(columns, BINARY))
    assert all(name.isidentifier() and name.isascii() for name in names)
    assert len(set(names)) == len(columns)
    assert names[:5] == ["a_b", "a_b_2", "a_b_3", "column__", "column_"]
    assert {"column_1st", "column_class", "column_self", "none", "inputs"} <= set(names)


def test_hostile_column_names_can_be_trained_and_predicted(tmp_path, caplog):
    schema = Schema(tuple(Column(name, "boolean", "Boolean") for name in HOSTILE), BINARY)
    assembly = assembled(schema, tmp_path)
    assert assembly.predict({name: np.array([True, False]) for name in input_names(schema)}).shape == (2, 1)
    # TensorFlow would give it another name, which no client could know
    assert "not a valid tf.function parameter name" not in caplog.text


@pytest.mark.parametrize(
    ("target", "outputs", "activation"),
    [
        (BINARY, 1, "sigmoid"),
        (Target("y", "multiclass", ("a", "b", "c")), 3, "softmax"),
        (Target("y", "regression", mean=100.0, std=20.0), 1, "linear"),
    ],
)
def test_default_model_suits_the_task(tmp_path, target, outputs, activation):
    assembly = assembled(Schema((AGE,), target), tmp_path)
    assert assembly.core.layers[-1].activation.__name__ == activation
    found = assembly.predict({"features": np.zeros((5, 1), np.float32)})
    assert found.shape == (5, outputs)
    if target.task == "multiclass":
        assert found.sum(1) == pytest.approx(np.ones(5), abs=1e-6)


def test_regression_answers_in_the_targets_own_unit(tmp_path):
    (tmp_path / "zero_model.py").write_text(
        "import keras\n"
        "def build(inputs, outputs, task):\n"
        "    return keras.Sequential([keras.Input((inputs,)), keras.layers.Dense(1, kernel_initializer='zeros')])\n"
    )
    target = Target("y", "regression", mean=100.0, std=20.0)
    assembly = assembled(Schema((AGE,), target), tmp_path, build="zero_model:build")
    assert assembly.predict({"features": np.ones((3, 1), np.float32)}) == pytest.approx(np.full((3, 1), 100.0))


OWN = """
import keras
from keras import layers

def good(inputs, outputs, task, units=4):
    return keras.Sequential([keras.Input((inputs,)), layers.Dense(units), layers.Dense(outputs, "sigmoid")])

def compiled(inputs, outputs, task):
    model = good(inputs, outputs, task)
    model.compile(optimizer=keras.optimizers.SGD(0.5), loss="mean_squared_error")
    return model

def raising(inputs, outputs, task):
    raise RuntimeError("no such luck")

def silent_error(inputs, outputs, task):
    raise ValueError

def nothing(inputs, outputs, task):
    return None

def layer(inputs, outputs, task):
    return layers.Dense(outputs)

def too_wide(inputs, outputs, task):
    return keras.Sequential([keras.Input((inputs,)), layers.Dense(outputs + 1)])

def two_outputs(inputs, outputs, task):
    a = keras.Input((inputs,))
    return keras.Model(a, [layers.Dense(1)(a), layers.Dense(1)(a)])

def two_inputs(inputs, outputs, task):
    a, b = keras.Input((inputs,)), keras.Input((inputs,))
    return keras.Model([a, b], layers.Dense(outputs)(layers.Add()([a, b])))

def wrong_width(inputs, outputs, task):
    return keras.Sequential([keras.Input((inputs + 3,)), layers.Dense(outputs)])

def other_parameters(width):
    return None

not_a_function = 3

class Failing(keras.Model):
    def call(self, x):
        raise KeyError("only at call")
    def compute_output_shape(self, shape):
        return (None, 1)

def fails_at_call(inputs, outputs, task):
    return Failing()
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A project folder with the user's module; forgotten afterwards."""
    (tmp_path / "own_model.py").write_text(OWN)
    (tmp_path / "broken_model.py").write_text("def build(:\n")
    (tmp_path / "failing_model.py").write_text("import nothing_of_the_kind\n")
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    for name in ("own_model", "broken_model", "failing_model"):
        sys.modules.pop(name, None)


def test_own_model_is_found_beside_the_config_and_gets_its_options(own):
    assembly = assembled(Schema((AGE, WEIGHT), BINARY), own, build="own_model:good", options={"units": 7})
    assert assembly.core.layers[0].units == 7
    assert assembly.core.compiled


def test_own_way_of_compiling_is_kept(own):
    core = assembled(Schema((AGE,), BINARY), own, build="own_model:compiled").core
    assert isinstance(core.optimizer, keras.optimizers.SGD)
    assert core.loss == "mean_squared_error"


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"build": "no_module:build"}, r"model 'no_module:build': no_module cannot be imported: ModuleNotFoundError: "),
        ({"build": "broken_model:build"}, r"'broken_model:build': broken_model cannot be imported: SyntaxError: "),
        ({"build": "failing_model:build"}, r"cannot be imported: .*nothing_of_the_kind.*\(failing_model.py, line 1\)"),
        ({"build": "own_model:absent"}, r"'own_model:absent': .*own_model.py has no function absent"),
        ({"build": "own_model:not_a_function"}, r"has no function not_a_function"),
        ({"build": "own_model:raising"}, r"failed with RuntimeError: no such luck \(own_model.py, line 14\)"),
        ({"build": "own_model:other_parameters"}, r"own_model:other_parameters failed with TypeError: .*inputs"),
        ({"build": "own_model:good", "options": {"depth": 2}}, r"own_model:good failed with TypeError: .*depth"),
        ({"build": "own_model:nothing"}, r"own_model:nothing returned NoneType: expected a keras.Model"),
        ({"build": "own_model:layer"}, r"own_model:layer returned Dense: expected a keras.Model"),
        ({"build": "own_model:too_wide"}, r"ends in shape \(None, 2\): expected \(None, 1\) for binary"),
        ({"build": "own_model:two_outputs"}, r"ends in shape of 2 outputs: expected \(None, 1\) for binary"),
        ({"build": "own_model:two_inputs"}, r"does not take a \(batch, 1\) matrix: "),
        ({"build": "own_model:wrong_width"}, r"does not take a \(batch, 1\) matrix: "),
        ({"build": "own_model:silent_error"}, r"own_model:silent_error failed with ValueError"),
        ({"build": "own_model:fails_at_call"}, r"own_model:fails_at_call does not take a \(batch, 1\) matrix: "),
    ],
    ids=lambda value: str(value.get("build")) if isinstance(value, dict) else "",
)
def test_each_mistake_in_an_own_model_is_told(own, config, message):
    with pytest.raises(TrainingError, match=message):
        assembled(Schema((AGE,), BINARY), own, **config)


def test_table_with_missing_values_of_every_kind_goes_through(tmp_path):
    rows = range(400)
    frame = pl.DataFrame(
        {
            "city": [("Bonn", None, "Köln")[n % 3] for n in rows],
            "age": [None if n % 5 == 0 else float(n % 17) for n in rows],
            "member": [n % 2 == 0 for n in rows],
            "y": [("no", "yes")[n % 7 % 2] for n in rows],
        }
    )
    frame.write_parquet(tmp_path / "data.parquet")
    config = DataConfig(source="parquet", path="data.parquet", target="y")
    dataset = prepare(config, tmp_path, 0, None)
    found = assembled(dataset.schema, tmp_path).predict(dataset.holdout.inputs)
    assert found.shape == (dataset.holdout.rows, 1)
    assert all(math.isfinite(value) for value in found[:, 0])

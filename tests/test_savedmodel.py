"""keepfit.savedmodel and keepfit.signatures on models of TF2 and TF1."""

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from keepfit import savedmodel
from keepfit.errors import InferenceError, InvalidRequestError, ModelLoadError
from keepfit.signatures import TensorSpec, describe, fits, read_signatures


class Scorer(tf.Module):
    def __init__(self):
        super().__init__()
        self.weight = tf.Variable([[2.0], [3.0]])
        self.table = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(tf.constant(["a", "b"]), tf.constant([10, 20], tf.int64)), -1
        )

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="x")])
    def score(self, x):
        return {"double": 2 * tf.matmul(x, self.weight), "score": tf.matmul(x, self.weight)}

    @tf.function(input_signature=[tf.TensorSpec(None, tf.string, name="word")])
    def look_up(self, word):
        return {"code": self.table.lookup(word), "upper": tf.strings.upper(word)}

    @tf.function(input_signature=[tf.TensorSpec([], tf.int32, name="n")])
    def check(self, n):
        with tf.control_dependencies([tf.debugging.Assert(n > 0, ["n must be positive:", n])]):
            return {"n": tf.identity(n)}


@pytest.fixture(scope="module")
def tf2_path(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "1"
    module = Scorer()
    signatures = {"serving_default": module.score, "look_up": module.look_up, "check": module.check}
    tf.saved_model.save(module, str(path), signatures=signatures)
    return path


@pytest.fixture(scope="module")
def model(tf2_path):
    with savedmodel.load(tf2_path) as loaded:
        yield loaded


def test_signatures_say_names_dtypes_and_shapes(model):
    default = model.signatures["serving_default"]
    assert default.inputs == {"x": TensorSpec("x", "serving_default_x:0", "float32", (None, 2))}
    assert {name: (spec.dtype, spec.shape) for name, spec in default.outputs.items()} == {
        "double": ("float32", (None, 1)),
        "score": ("float32", (None, 1)),
    }
    assert default.method_name == "tensorflow/serving/predict"
    assert model.signatures["look_up"].inputs["word"].shape is None
    assert model.signatures["check"].inputs["n"].shape == ()


def test_signatures_read_without_tensorflow_are_the_loaded_ones(model, tf2_path):
    assert read_signatures(tf2_path) == model.signatures


def test_reading_signatures_does_not_import_tensorflow():
    program = "import sys, keepfit.signatures; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_run_returns_every_output_unless_some_are_named(model):
    x = np.array([[1, 1], [0, 2]], dtype=np.float32)
    assert model.run("serving_default", {"x": x})["score"].tolist() == [[5.0], [6.0]]
    assert set(model.run("serving_default", {"x": x})) == {"double", "score"}
    assert set(model.run("serving_default", {"x": x}, ["double"])) == {"double"}


def test_inputs_are_converted_to_the_signature_dtype(model):
    assert model.run("serving_default", {"x": [[1, 1]]})["score"].tolist() == [[5.0]]


def test_strings_and_tables_work_with_any_rank(model):
    outputs = model.run("look_up", {"word": np.array([[b"a", b"z"]], dtype=object)})
    assert outputs["code"].tolist() == [[10, -1]]
    assert outputs["upper"].tolist() == [[b"A", b"Z"]]
    assert model.run("look_up", {"word": np.array(b"b", dtype=object)})["code"] == 20


def test_wrong_shape_names_input_and_both_shapes(model):
    with pytest.raises(InvalidRequestError, match=r"'x' .* takes shape \[\?,2\], but got \[1,3\]"):
        model.run("serving_default", {"x": np.ones((1, 3), np.float32)})


@pytest.mark.parametrize(
    ("signature", "inputs", "outputs", "message"),
    [
        ("absent", {}, None, '"absent" not found'),
        ("serving_default", {"y": [[1.0, 2.0]]}, None, "'y' is not an input"),
        ("serving_default", {}, None, "Input 'x' of 'serving_default' is missing"),
        ("serving_default", {"x": [[1.0, 2.0]]}, ["z"], "'z' is not an output"),
        ("check", {"n": 0}, None, "n must be positive"),
    ],
)
def test_bad_request_is_named(model, signature, inputs, outputs, message):
    with pytest.raises(InvalidRequestError, match=message):
        model.run(signature, inputs, outputs)


def test_value_of_a_wrong_type_is_an_invalid_request(model):
    with pytest.raises(InvalidRequestError, match="'x'"):
        model.run("serving_default", {"x": [["one", "two"]]})


def test_tf1_export_is_loaded_and_run(tmp_path):
    path = tmp_path / "1"
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        x = tf.compat.v1.placeholder(tf.float32, [None])
        w = tf.compat.v1.get_variable("w", initializer=4.0, use_resource=False)
        y = x * w
        session.run(tf.compat.v1.global_variables_initializer())
        signature = tf.compat.v1.saved_model.signature_def_utils.predict_signature_def({"x": x}, {"y": y})
        builder = tf.compat.v1.saved_model.Builder(str(path))
        builder.add_meta_graph_and_variables(session, ["serve"], {"serving_default": signature})
        builder.save()
    with savedmodel.load(path) as loaded:
        assert loaded.run("serving_default", {"x": [1.0, 2.0]})["y"].tolist() == [4.0, 8.0]


def test_failure_inside_the_model_is_an_inference_error(tmp_path):
    module = tf.Module()

    @tf.function(input_signature=[tf.TensorSpec([], tf.string, name="file")])
    def read(file):
        return {"content": tf.io.read_file(file)}

    module.read = read
    tf.saved_model.save(module, str(tmp_path / "1"), signatures={"serving_default": read})
    with savedmodel.load(tmp_path / "1") as loaded, pytest.raises(InferenceError, match="No such file"):
        loaded.run("serving_default", {"file": str(tmp_path / "absent").encode()})


@pytest.mark.parametrize("content", [None, b"", b"\xff\xff garbage"])
def test_absent_or_damaged_model_is_a_load_error(tmp_path, content):
    if content is not None:
        (tmp_path / "saved_model.pb").write_bytes(content)
    with pytest.raises(ModelLoadError, match=str(tmp_path)):
        savedmodel.load(tmp_path)
    with pytest.raises(ModelLoadError, match=str(tmp_path)):
        read_signatures(tmp_path)


def test_missing_variables_are_a_load_error(tf2_path, tmp_path):
    (tmp_path / "saved_model.pb").write_bytes((tf2_path / "saved_model.pb").read_bytes())
    with pytest.raises(ModelLoadError):
        savedmodel.load(tmp_path)


def test_other_tags_are_a_load_error_that_names_those_there(tf2_path):
    with pytest.raises(ModelLoadError, match="serve"):
        savedmodel.load(tf2_path, tags=["train"])
    with pytest.raises(ModelLoadError, match="it has: serve"):
        read_signatures(tf2_path, tags=["train"])


def test_shapes_fit_where_dimensions_are_unknown():
    assert fits(None, (1, 2))
    assert fits((None, 2), (5, 2))
    assert not fits((None, 2), (5, 3))
    assert not fits((None,), ())
    assert describe(None) == "<unknown>"
    assert describe((None, 3)) == "[?,3]"

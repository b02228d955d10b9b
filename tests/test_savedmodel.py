"""keepfit.savedmodel and keepfit.signatures on models of TF2 and TF1."""

import re
import shutil
import subprocess
import sys

import keras
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


class Splitter(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def split(self, text):
        return {"words": tf.strings.split(text), "length": tf.strings.length(text)}


def test_ragged_output_cannot_be_had_and_says_what_tensorflow_serving_says(tmp_path):
    module = Splitter()
    tf.saved_model.save(module, str(tmp_path / "1"), signatures={"serving_default": module.split})
    with savedmodel.load(tmp_path / "1") as loaded:
        text = {"text": np.array([b"a b"], object)}
        with pytest.raises(InvalidRequestError, match="Tensor :0, specified in either feed_devices or fetch_devices"):
            loaded.run("serving_default", text)
        assert loaded.run("serving_default", text, ["length"])["length"].tolist() == [3]


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


@pytest.mark.parametrize("missing", ["*.index", "*.data*", "*"])
def test_missing_variables_are_a_load_error(tf2_path, tmp_path, missing):
    shutil.copytree(tf2_path, tmp_path / "1", ignore=shutil.ignore_patterns(missing) if missing != "*" else None)
    if missing == "*":
        shutil.rmtree(tmp_path / "1" / "variables")
    with pytest.raises(ModelLoadError, match=str(tmp_path)) as caught:
        savedmodel.load(tmp_path / "1")
    assert caught.value.status == "NOT_FOUND"


def test_other_tags_are_a_load_error_that_names_those_there(tf2_path):
    with pytest.raises(ModelLoadError, match="serve"):
        savedmodel.load(tf2_path, tags=["train"])
    with pytest.raises(ModelLoadError, match="it has: serve"):
        read_signatures(tf2_path, tags=["train"])


DTYPES = [
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    "float16", "bfloat16", "float32", "float64", "complex64", "complex128",
]  # fmt: skip


@pytest.fixture(scope="module")
def every_dtype(tmp_path_factory):
    """A model with one signature for each dtype, which returns its input."""
    path = tmp_path_factory.mktemp("dtypes") / "1"
    module = tf.Module()

    def same(dtype):
        @tf.function(input_signature=[tf.TensorSpec(None, dtype, name="x")])
        def call(x):
            return {"y": tf.identity(x)}

        return call

    module.calls = {dtype: same(tf.as_dtype(dtype)) for dtype in DTYPES}
    tf.saved_model.save(module, str(path), signatures=dict(module.calls))
    with savedmodel.load(path) as loaded:
        yield loaded


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (3,), (2, 0), (2, 1, 2)])
def test_every_dtype_crosses_in_any_shape(every_dtype, dtype, shape):
    spec = every_dtype.signatures[dtype].inputs["x"]
    assert (spec.dtype, spec.shape) == (dtype, None)
    x = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(tf.as_dtype(dtype).as_numpy_dtype)
    y = every_dtype.run(dtype, {"x": x})["y"]
    assert (y.dtype, y.shape) == (x.dtype, x.shape)
    assert y.tobytes() == x.tobytes()


def test_tf1_export_with_tags_assets_and_a_table_is_loaded_by_its_tags(tmp_path):
    vocabulary = tmp_path / "vocabulary.txt"
    vocabulary.write_text("zero\none\ntwo\n")
    path = tmp_path / "1"
    builder = tf.compat.v1.saved_model.Builder(str(path))
    for tags in (["serve"], ["serve", "gpu"]):
        with tf.Graph().as_default() as graph, tf.compat.v1.Session(graph=graph) as session:
            asset = tf.constant(str(vocabulary))
            graph.add_to_collection(tf.compat.v1.GraphKeys.ASSET_FILEPATHS, asset)
            initializer = tf.lookup.TextFileInitializer(
                asset, tf.string, tf.lookup.TextFileIndex.WHOLE_LINE, tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER
            )
            table = tf.lookup.StaticHashTable(initializer, -1)
            word = tf.compat.v1.placeholder(tf.string, [None])
            number = table.lookup(word) + 100 * (len(tags) - 1)
            signature = tf.compat.v1.saved_model.signature_def_utils.predict_signature_def({"w": word}, {"n": number})
            arguments = {
                "signature_def_map": {"serving_default": signature},
                "assets_collection": graph.get_collection(tf.compat.v1.GraphKeys.ASSET_FILEPATHS),
                "main_op": tf.compat.v1.tables_initializer(),
            }
            if tags == ["serve"]:
                builder.add_meta_graph_and_variables(session, tags, **arguments)
            else:
                builder.add_meta_graph(tags, **arguments)
    builder.save()
    vocabulary.unlink()
    words = np.array([b"two", b"none", b"zero"], dtype=object)
    with savedmodel.load(path) as loaded:
        assert loaded.run("serving_default", {"w": words})["n"].tolist() == [2, -1, 0]
    with savedmodel.load(path, ["gpu", "serve"]) as loaded:
        assert loaded.run("serving_default", {"w": words})["n"].tolist() == [102, 99, 100]
    with pytest.raises(ModelLoadError, match=r"matching supplied tags: \{ tpu \}.*saved_model_cli") as caught:
        savedmodel.load(path, ["tpu"])
    assert caught.value.status == "NOT_FOUND"


def test_tf1_variables_of_both_kinds_are_restored(tmp_path):
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        x = tf.compat.v1.placeholder(tf.float32, [None])
        kinds = {
            resource: tf.compat.v1.get_variable(f"w{resource}", initializer=4.0, use_resource=resource)
            for resource in (True, False)
        }
        session.run(tf.compat.v1.global_variables_initializer())
        for variable in kinds.values():
            session.run(variable.assign(5.0))
        y = x * kinds[True] * kinds[False]
        tf.compat.v1.saved_model.simple_save(session, str(tmp_path / "1"), {"x": x}, {"y": y})
    with savedmodel.load(tmp_path / "1") as loaded:
        assert loaded.run("serving_default", {"x": [2.0]})["y"].tolist() == [50.0]


def test_keras_export_is_loaded_with_its_preprocessing(tmp_path):
    keras.utils.set_random_seed(1)
    look_up = keras.layers.StringLookup(vocabulary=["a", "b"], output_mode="one_hot")
    words, numbers = keras.Input((), dtype="string", name="word"), keras.Input((2,), name="numbers")
    joined = keras.layers.Concatenate()([look_up(words), numbers])
    model = keras.Model({"word": words, "numbers": numbers}, keras.layers.Dense(1, name="score")(joined))
    model.export(tmp_path / "1", verbose=False)
    given = {"word": np.array([b"b", b"?"], dtype=object), "numbers": np.ones((2, 2), np.float32)}
    expected = model({"word": tf.constant(["b", "?"]), "numbers": tf.ones((2, 2))}).numpy()
    with savedmodel.load(tmp_path / "1") as loaded:
        (answer,) = loaded.run("serving_default", given).values()
    np.testing.assert_allclose(answer, expected, rtol=1e-5)


@pytest.mark.parametrize("threads", [0, 1, 2])
def test_session_config_is_taken(tf2_path, threads):
    config = tf.compat.v1.ConfigProto(inter_op_parallelism_threads=threads, intra_op_parallelism_threads=threads)
    with savedmodel.load(tf2_path, session_config=config.SerializeToString()) as loaded:
        assert loaded.run("serving_default", {"x": [[1, 1]]})["score"].tolist() == [[5.0]]


@pytest.mark.parametrize(
    ("content", "status", "message"),
    [
        (None, "NOT_FOUND", "Could not find SavedModel .pb or .pbtxt at supplied export directory path"),
        (b"\xff\xff garbage", "DATA_LOSS", "as binary proto"),
    ],
)
def test_load_error_says_what_tensorflow_serving_says(tmp_path, content, status, message):
    if content is not None:
        (tmp_path / "saved_model.pb").write_bytes(content)
    with pytest.raises(ModelLoadError, match=re.escape(message)) as caught:
        savedmodel.load(tmp_path)
    assert caught.value.status == status


def test_shapes_fit_where_dimensions_are_unknown():
    assert fits(None, (1, 2))
    assert fits((None, 2), (5, 2))
    assert not fits((None, 2), (5, 3))
    assert not fits((None,), ())
    assert describe(None) == "<unknown>"
    assert describe((None, 3)) == "[?,3]"

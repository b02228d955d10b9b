"""TFLite models, alone and served by the flag."""

import shutil

import httpx
import numpy as np
import pytest
import tensorflow as tf

from keepfit.errors import InvalidRequestError, ModelLoadError
from keepfit.serving.workers import tflite
from keepfit.signatures import unite, united_output


class Doubler(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="x")])
    def double(self, x):
        return {"double": 2.0 * x}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="word")])
    def same(self, word):
        return {"word": tf.identity(word)}

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="x")])
    def triple(self, x):
        return {"triple": 3.0 * x}

    @tf.function(input_signature=[tf.TensorSpec([2], tf.int64, name="n")])
    def fixed(self, n):
        return {"n": n + 1}


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A version whose TFLite model doubles, and whose SavedModel does the same."""
    path = tmp_path_factory.mktemp("tflite") / "1"
    module = Doubler()
    signatures = {"serving_default": module.double, "same": module.same, "triple": module.triple}
    signatures["fixed"] = module.fixed
    tf.saved_model.save(module, str(path), signatures=signatures)
    converter = tf.lite.TFLiteConverter.from_saved_model(str(path), signature_keys=list(signatures))
    (path / "model.tflite").write_bytes(converter.convert())
    return path


@pytest.fixture(scope="module")
def model(exported):
    return tflite.load(exported)


def test_signatures_are_those_of_the_file(model):
    assert set(model.signatures) == {"serving_default", "same", "triple", "fixed"}
    default = model.signatures["serving_default"]
    assert [(spec.dtype, spec.shape) for spec in default.inputs.values()] == [("float32", (None, 2))]
    assert set(default.outputs) == {"double"}
    assert model.signatures["fixed"].inputs["n"].shape == (2,)


@pytest.mark.parametrize("rows", [1, 5, 2])
def test_any_number_of_rows_is_taken_where_the_signature_says_so(model, rows):
    x = np.ones((rows, 2), np.float32)
    assert model.run("serving_default", {"x": x})["double"].tolist() == [[2.0, 2.0]] * rows


def test_strings_and_chosen_outputs(model):
    words = np.array([b"a", b"", b"\xff\x00z"], dtype=object)
    assert model.run("same", {"word": words}, ["word"])["word"].tolist() == [b"a", b"", b"\xff\x00z"]


def test_several_signatures_are_run_at_once_on_the_same_input(model):
    both = [model.signatures["serving_default"], model.signatures["triple"]]
    wanted = [united_output(both[0], "double"), united_output(both[1], "triple")]
    outputs = model.run(unite(both).name, {"x": np.ones((1, 2), np.float32)}, wanted)
    assert [outputs[name].tolist() for name in wanted] == [[[2.0, 2.0]], [[3.0, 3.0]]]


@pytest.mark.parametrize(
    ("signature", "inputs", "message"),
    [
        ("absent", {}, '"absent" not found'),
        ("serving_default", {"y": np.ones((1, 2), np.float32)}, "takes"),
        ("serving_default", {"x": np.ones((1, 3), np.float32)}, r"takes shape \[\?,2\], but got \[1,3\]"),
        ("serving_default", {"x": np.ones((1, 2), np.float64)}, "FLOAT64"),
        ("fixed", {"n": np.ones(3, np.int64)}, r"takes shape \[2\], but got \[3\]"),
    ],
)
def test_bad_request_is_named(model, signature, inputs, message):
    with pytest.raises(InvalidRequestError, match=message):
        model.run(signature, inputs)
    assert model.run("serving_default", {"x": np.ones((1, 2), np.float32)})["double"].tolist() == [[2.0, 2.0]]


@pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter is deprecated")
def test_model_without_signatures_is_served_by_its_tensors_names():
    module = Doubler()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([module.double.get_concrete_function()], module)
    whole = tflite.TfliteModel(WithoutSignatures(tf.lite.Interpreter(model_content=converter.convert())))
    (name,) = whole.signatures["serving_default"].inputs
    outputs = whole.run("serving_default", {name: np.ones((3, 2), np.float32)})
    assert [array.tolist() for array in outputs.values()] == [[[2.0, 2.0]] * 3]


class WithoutSignatures:
    """An interpreter as it is for files of old converters, which wrote no signatures."""

    def __init__(self, interpreter):
        self._interpreter = interpreter

    def __getattr__(self, name):
        return getattr(self._interpreter, name)

    def get_signature_list(self):
        return {}


@pytest.mark.parametrize("content", [b"", b"not a model at all"])
def test_damaged_file_is_a_load_error(tmp_path, content):
    (tmp_path / "model.tflite").write_bytes(content)
    with pytest.raises(ModelLoadError, match=r"model\.tflite cannot be loaded"):
        tflite.load(tmp_path)


def test_flag_prefers_tflite_and_falls_back_to_the_saved_model(serve, prepared, exported, models):
    shutil.copytree(exported, models / "1")
    server = serve(models, "--prefer_tflite_model")
    assert server.predict([[1, 2], [3, 4]]).json() == {"predictions": [[2.0, 4.0], [6.0, 8.0]]}
    assert server.predict([[1]]).status_code == 400
    metadata = httpx.get(f"{server.url}/v1/models/m/metadata").json()
    assert set(metadata["metadata"]["signature_def"]["signature_def"]) == {"serving_default", "same", "triple", "fixed"}
    server.publish(prepared / "3", 2)
    server.wait_for_version(2)
    assert server.predict([[1, 2]]).json() == {"predictions": [[9.0]]}
    server.stop()

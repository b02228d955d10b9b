"""keepfit.protos against the generated modules that it stands in for."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from tensorflow_serving.apis import predict_pb2

from keepfit import protos

ROOT = Path(__file__).parent.parent


def test_importing_the_messages_does_not_import_tensorflow():
    program = "import sys, keepfit.protos; sys.exit(any(name.startswith('tensorflow') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_descriptors_are_those_of_the_installed_tensorflow_serving_api():
    spec = importlib.util.spec_from_file_location("generate_protos", ROOT / "scripts" / "generate_protos.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.TARGET.read_bytes() == module.collect(), "run scripts/generate_protos.py"


def test_messages_are_wire_compatible_with_tensorflow_serving_api():
    theirs = predict_pb2.PredictRequest()
    theirs.model_spec.name = "m"
    theirs.model_spec.version.value = 7
    theirs.inputs["x"].dtype = 1
    theirs.inputs["x"].float_val.extend([1.0, 2.0])
    ours = protos.PredictRequest.FromString(theirs.SerializeToString())
    assert (ours.model_spec.name, ours.model_spec.version.value) == ("m", 7)
    assert list(ours.inputs["x"].float_val) == [1.0, 2.0]
    assert predict_pb2.PredictRequest.FromString(ours.SerializeToString()) == theirs


def test_services_list_their_methods_with_their_messages():
    methods = protos.service_methods("tensorflow.serving.PredictionService")
    assert methods["Predict"] == (protos.PredictRequest, protos.PredictResponse)
    assert set(methods) == {"Classify", "Regress", "Predict", "MultiInference", "GetModelMetadata"}
    assert "HandleReloadConfigRequest" in protos.service_methods("tensorflow.serving.ModelService")


def test_unknown_message_is_a_key_error():
    with pytest.raises(KeyError):
        protos.message_class("tensorflow.serving.NoSuchMessage")

"""What is done with a version's warmup requests."""

import struct

import numpy as np
import pytest

from keepfit import protos
from keepfit.errors import InvalidRequestError, ModelLoadError
from keepfit.serving.workers import warmup
from keepfit.signatures import Signature, TensorSpec, united_names
from keepfit.tensor_proto import from_array


class Recorder:
    """A model that notes how it is run, and fails for a signature named bad."""

    def __init__(self):
        example = {"inputs": TensorSpec("inputs", "inputs:0", "string", (None,))}
        two = {name: TensorSpec(name, f"{name}:0", "float32", (None,)) for name in ("a", "b")}
        self.signatures = {
            name: Signature(name, "", inputs, {})
            for name, inputs in {"serving_default": example, "other": example, "two": two, "bad": example}.items()
        }
        self.runs = []

    def run(self, signature_name, inputs, output_names=None):
        if signature_name == "bad":
            raise InvalidRequestError("this one always fails")
        self.runs.append((signature_name, {name: array.tolist() for name, array in inputs.items()}, output_names))
        return {}


@pytest.fixture
def model():
    return Recorder()


def write(path, *records):
    """Write records as TFRecord does, without checksums, which nobody looks at."""
    file = path / warmup.FILE
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b"".join(struct.pack("<QI", len(record), 0) + record + bytes(4) for record in records))


def predict_log(signature="", outputs=()):
    log = protos.PredictionLog()
    log.predict_log.request.model_spec.signature_name = signature
    log.predict_log.request.inputs["x"].CopyFrom(from_array(np.ones(2, np.float32)))
    log.predict_log.request.output_filter.extend(outputs)
    return log.SerializeToString()


def example(value):
    message = protos.Example()
    message.features.feature["f"].float_list.value.append(value)
    return message


def examples_log(kind, signature=""):
    log = protos.PredictionLog()
    request = getattr(log, kind).request
    request.model_spec.signature_name = signature
    request.input.example_list.examples.extend([example(1), example(2)])
    return log.SerializeToString()


def test_without_a_file_nothing_is_run(model, tmp_path):
    warmup.replay(model, tmp_path, 1)
    assert model.runs == []


def test_predict_requests_are_run_as_often_as_said(model, tmp_path):
    write(tmp_path, predict_log(), predict_log("two", ["y"]))
    warmup.replay(model, tmp_path, 2)
    default, two = ("serving_default", {"x": [1.0, 1.0]}, None), ("two", {"x": [1.0, 1.0]}, ["y"])
    assert model.runs == [default, default, two, two]
    warmup.replay(model, tmp_path, 0)
    assert len(model.runs) == 4


@pytest.mark.parametrize("kind", ["classify_log", "regress_log"])
def test_examples_are_given_serialized_to_the_only_input(model, tmp_path, kind):
    write(tmp_path, examples_log(kind), examples_log(kind, "other"))
    warmup.replay(model, tmp_path, 1)
    given = {"inputs": [example(1).SerializeToString(), example(2).SerializeToString()]}
    assert [run[:2] for run in model.runs] == [("serving_default", given), ("other", given)]


def test_context_goes_into_every_example(model, tmp_path):
    log = protos.PredictionLog()
    listed = log.classify_log.request.input.example_list_with_context
    listed.examples.extend([example(1), example(2)])
    listed.context.features.feature["c"].int64_list.value.append(7)
    write(tmp_path, log.SerializeToString())
    warmup.replay(model, tmp_path, 1)
    ((_, inputs, _),) = model.runs
    for serialized in inputs["inputs"]:
        assert set(protos.Example.FromString(serialized).features.feature) == {"c", "f"}


def test_tasks_of_a_multi_inference_request_are_run_at_once(model, tmp_path):
    log = protos.PredictionLog()
    request = log.multi_inference_log.request
    request.tasks.add().model_spec.signature_name = "other"
    request.tasks.add()
    request.input.example_list.examples.append(example(1))
    write(tmp_path, log.SerializeToString())
    warmup.replay(model, tmp_path, 1)
    ((name, inputs, _),) = model.runs
    assert united_names(name) == ["other", "serving_default"]
    assert inputs == {"inputs": [example(1).SerializeToString()]}


def test_record_of_no_kind_is_skipped(model, tmp_path):
    write(tmp_path, b"", predict_log())
    warmup.replay(model, tmp_path, 1)
    assert len(model.runs) == 1


def test_a_thousand_records_are_taken_and_not_one_more(model, tmp_path):
    write(tmp_path, *[predict_log()] * 1000)
    warmup.replay(model, tmp_path, 1)
    write(tmp_path, *[predict_log()] * 1001)
    with pytest.raises(ModelLoadError, match=r"Number of warmup records exceeds the maximum \(1000\)") as caught:
        warmup.replay(model, tmp_path, 1)
    assert caught.value.status == "INVALID_ARGUMENT"


@pytest.mark.parametrize(
    ("record", "message", "status"),
    [
        (b"\xff\xff", "Failed to parse warmup record 1 from", "INVALID_ARGUMENT"),
        (
            examples_log("classify_log", "bad"),
            "Warmup request 1 of .* failed: this one always fails",
            "INVALID_ARGUMENT",
        ),
        (examples_log("regress_log", "absent"), "No signature .* absent", "INVALID_ARGUMENT"),
        (examples_log("regress_log", "two"), "No signature with one input .* two", "INVALID_ARGUMENT"),
        (
            protos.PredictionLog(session_run_log={}).SerializeToString(),
            "Unsupported log_type for warmup: 5",
            "UNIMPLEMENTED",
        ),
    ],
)
def test_bad_record_is_the_version_s_failure(model, tmp_path, record, message, status):
    write(tmp_path, predict_log(), record)
    with pytest.raises(ModelLoadError, match=message) as caught:
        warmup.replay(model, tmp_path, 1)
    assert caught.value.status == status


def test_file_that_ends_within_a_record_is_lost_data(model, tmp_path):
    write(tmp_path, predict_log())
    file = tmp_path / warmup.FILE
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(ModelLoadError, match="TFRecord") as caught:
        warmup.replay(model, tmp_path, 1)
    assert caught.value.status == "DATA_LOSS"

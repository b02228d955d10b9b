"""Requests beside what protobuf reads from the same bytes."""

import numpy as np
import pytest

from keepfit import protos
from keepfit.errors import InvalidRequestError
from keepfit.serving.grpc.predict_request import MIN_BYTES, PredictRequest
from keepfit.tensor_proto import fill, fill_packed, to_array

LARGE = MIN_BYTES // 4


def request(**tensors):
    message = protos.PredictRequest(output_filter=["y"])
    message.model_spec.name, message.model_spec.version.value = "m", 3
    for name, tensor in tensors.items():
        message.inputs[name].CopyFrom(tensor)
    return message


def tensor(array, write=fill_packed):
    made = protos.TensorProto()
    write(made, array)
    return made


def described(dtype, *shape, **values):
    return protos.TensorProto(dtype=dtype, tensor_shape={"dim": [{"size": size} for size in shape]}, **values)


FLOATS = np.arange(2 * LARGE, dtype=np.float32).reshape(2, LARGE)
CASES = {
    "content": request(x=tensor(FLOATS)),
    "typed values": request(x=tensor(FLOATS, fill)),
    "doubles": request(x=tensor(FLOATS.astype(np.float64), fill)),
    "integers": request(x=tensor(FLOATS.astype(np.int64), fill)),
    "several": request(x=tensor(FLOATS), y=tensor(FLOATS + 1, fill), z=tensor(np.array([b"a"], object))),
    "last value repeated": request(x=described(1, 2 * LARGE, float_val=[1.0] * LARGE)),
    "other dtype": request(x=described(2, 3, float_val=[1.0] * LARGE)),
    "both": request(
        x=protos.TensorProto(
            dtype=1, float_val=[1.0], tensor_content=FLOATS.tobytes(), tensor_shape={"dim": [{"size": 2 * LARGE}]}
        )
    ),
    "half values": request(x=described(19, LARGE, half_val=[15360] * LARGE)),
}


@pytest.mark.parametrize("case", CASES)
def test_tensors_are_what_protobuf_makes_of_them(case):
    message = CASES[case]
    read = PredictRequest.FromString(message.SerializeToString())
    assert read.model_spec == message.model_spec
    assert list(read.message.output_filter) == ["y"]
    inputs = read.inputs()
    assert inputs.keys() == set(message.inputs)
    for name, array in inputs.items():
        expected = to_array(name, message.inputs[name])
        assert array.dtype == expected.dtype
        np.testing.assert_array_equal(array, expected)


@pytest.mark.parametrize("write", [fill, fill_packed])
def test_large_floats_are_not_copied(write):
    content = request(x=tensor(FLOATS, write)).SerializeToString()
    array = PredictRequest.FromString(memoryview(content)).inputs()["x"]
    assert np.shares_memory(array, np.frombuffer(content, np.uint8))


def test_values_that_do_not_fit_the_shape_are_an_error():
    wrong = described(1, 5, tensor_content=FLOATS.tobytes())
    with pytest.raises(InvalidRequestError, match="its shape and dtype need 20"):
        PredictRequest.FromString(request(x=wrong).SerializeToString()).inputs()


@pytest.mark.parametrize(
    "damage", [lambda content: content[:-1], lambda content: b"\x0b" + content, lambda content: b"\0" * len(content)]
)
def test_what_is_no_message_is_refused_as_by_protobuf(damage):
    content = damage(request(x=tensor(FLOATS)).SerializeToString())
    for read in (PredictRequest, protos.PredictRequest):
        with pytest.raises(protos.DecodeError):
            read.FromString(content)


def test_values_in_two_places_are_joined_as_protobuf_does():
    one = request(x=described(1, 2 * LARGE, float_val=[1.0] * LARGE))
    part = protos.TensorProto(float_val=[2.0] * LARGE).SerializeToString()
    whole = one.inputs["x"].SerializeToString() + part
    entry = b"\x0a\x01x\x12" + varint(len(whole)) + whole
    content = b"\x12" + varint(len(entry)) + entry
    expected = protos.PredictRequest.FromString(content)
    np.testing.assert_array_equal(PredictRequest.FromString(content).inputs()["x"], to_array("x", expected.inputs["x"]))


def varint(number):
    content = bytearray()
    while number > 0x7F:
        content.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*content, number])

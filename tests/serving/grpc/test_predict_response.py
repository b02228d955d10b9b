"""Answers beside what protobuf makes of the same arrays."""

import ml_dtypes
import numpy as np
import pytest

from keepfit import protos
from keepfit.serving.grpc import predict_response
from keepfit.tensor_proto import fill, fill_packed

ARRAYS = {
    "float": np.arange(6, dtype=np.float32).reshape(3, 2)[:, ::-1],
    "double": np.array(2.5),
    "empty": np.empty((0, 3), np.float32),
    "int": np.array([[-1, 2**40]], np.int64),
    "bool": np.array([True, False]),
    "bfloat": np.array([1.5], ml_dtypes.bfloat16),
    "complex": np.array([1 + 2j], np.complex64),
    "words": np.array([[b"a", b""]], object),
    "long": np.ones(1000, np.float32),
}


@pytest.mark.parametrize("as_content", [False, True])
def test_answer_is_what_protobuf_would_write(as_content):
    expected = protos.PredictResponse()
    expected.model_spec.name, expected.model_spec.version.value, expected.model_spec.signature_name = "m", 7, "s"
    for name, array in ARRAYS.items():
        (fill_packed if as_content else fill)(expected.outputs[name], array)
    written = predict_response.write("m", 7, "s", ARRAYS, as_content=as_content)
    assert protos.PredictResponse.FromString(written) == expected

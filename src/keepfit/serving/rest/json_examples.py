"""The bodies of TensorFlow Serving's REST classify and regress calls: tf.Examples as JSON objects, and the results.

Knows nothing of HTTP, models or workers.
"""

from collections.abc import Mapping
from typing import Any

from keepfit import protos
from keepfit.dtypes import Array
from keepfit.errors import InvalidRequestError
from keepfit.serving.inference.classification import Classification
from keepfit.serving.requests.tf_examples import from_examples
from keepfit.serving.rest.json_document import dump, show, type_name
from keepfit.serving.rest.json_values import is_base64, to_bytes, to_float

EXAMPLES = "examples"
CONTEXT = "context"
_RESULTS = "results"

_MAX_INT64 = 2**63 - 1
_MIN_INT64 = -(2**63)
_MAX_UINT64 = 2**64 - 1


def read(document: Mapping[str, Any]) -> Array:
    """Return the serialized tf.Examples of a request, each with the features of its context. InvalidRequestError."""
    context = _example(document[CONTEXT]) if CONTEXT in document else None
    if EXAMPLES not in document:
        raise InvalidRequestError(
            f"JSON Value: {show(document)} When method is classify, key '{EXAMPLES}' is expected and was not found"
        )
    examples = document[EXAMPLES]
    if not isinstance(examples, list):
        raise InvalidRequestError(f"JSON Value: {show(document)} Expecting '{EXAMPLES}' value to be an list/array")
    if not examples:
        raise InvalidRequestError(f"JSON Value: {show(document)} '{EXAMPLES}' value is an empty array")
    return from_examples([_example(value) for value in examples], context)


def write_classification(result: Classification) -> bytes:
    """Return the body of an answer: for each example a list of [label, score]."""
    rows = [[[label.decode(errors="replace"), score] for label, score in row] for row in result.rows()]
    return dump({_RESULTS: rows})


def write_regression(values: Array) -> bytes:
    """Return the body of an answer: a number for each example."""
    return dump({_RESULTS: values})


def _example(value: Any) -> Any:
    if not isinstance(value, dict):
        raise InvalidRequestError(f"Example must be JSON object but got JSON {type_name(value)}")
    example = protos.Example()
    for name, content in value.items():
        feature = example.features.feature[name]
        for item in content if isinstance(content, list) else [content]:
            _add(feature, name, item)
    return example


def _add(feature: Any, name: str, value: Any) -> None:
    kind, converted = _convert(name, value)
    has = feature.WhichOneof("kind")
    if has not in (None, kind):
        raise InvalidRequestError(
            f"Unexpected element type in feature: {name} expecting type: {has.removesuffix('_list')}"
        )
    getattr(feature, kind).value.append(converted)


def _convert(name: str, value: Any) -> tuple[str, Any]:
    """Return which list of a feature takes a JSON value, and the value as it goes there."""
    if isinstance(value, str) or is_base64(value):
        return "bytes_list", to_bytes(value)
    if isinstance(value, float):
        return "float_list", to_float(value, "float32")
    if not isinstance(value, int):
        raise InvalidRequestError(f"Feature: {name} has element with unexpected JSON type: {type_name(value)}")
    if _MIN_INT64 <= value <= _MAX_INT64:
        return "int64_list", int(value)
    if 0 < value <= _MAX_UINT64:
        raise InvalidRequestError(f"Feature: {name} has uint64 element. Only int64 is supported.")
    return "float_list", to_float(float(value), "float32")

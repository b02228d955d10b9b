"""The bodies of TensorFlow Serving's REST predict call: rows ("instances") and columns ("inputs"), and its answers.

Knows nothing of HTTP, models or workers.
"""

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np

from keepfit.dtypes import NUMPY_DTYPES, Array
from keepfit.errors import InvalidRequestError
from keepfit.serving.rest import json_document, json_matrix
from keepfit.serving.rest.json_document import dump, show
from keepfit.serving.rest.json_values import FLOAT_LIMITS, is_base64, one_by_one, quickly, to_array
from keepfit.signatures import Signature, TensorSpec

ROWS = "instances"
COLUMNS = "inputs"


def read(document: Mapping[str, Any], signature: Signature, body: bytes | bytearray) -> tuple[dict[str, Array], str]:
    """Return the input tensors of a request, and whether they came as ROWS or COLUMNS. Raises InvalidRequestError."""
    if not signature.inputs:
        name = json_document.signature_name(document) or "DEFAULT"
        raise InvalidRequestError(f"Failed to get input map for signature: {name}")
    if isinstance(document.get(ROWS), np.ndarray):
        inputs = _from_matrix(document[ROWS], signature.inputs)
        if inputs is not None:
            return inputs, ROWS
        document = json_document.parse(body)
    plain = b"true" not in body and b"false" not in body and body.count(b'"') == _quotes_of_keys(document)
    if ROWS in document:
        if COLUMNS in document:
            raise InvalidRequestError(
                f"JSON Value: {show(document)} Not formatted correctly expecting only one of "
                f"'{COLUMNS}' or '{ROWS}' keys to exist "
            )
        rows = document[ROWS]
        if not isinstance(rows, list):
            raise InvalidRequestError(f"JSON Value: {show(document)} Excepting '{ROWS}' to be an list/array")
        if not rows:
            raise InvalidRequestError(f"JSON Value: {show(document)} No values in '{ROWS}' array")
        return _from_rows(rows, signature.inputs, plain=plain), ROWS
    if COLUMNS not in document:
        raise InvalidRequestError(f"Missing '{COLUMNS}' or '{ROWS}' key")
    return _from_columns(document[COLUMNS], signature.inputs, plain=plain), COLUMNS


def parse(body: bytes | bytearray) -> dict[str, Any]:
    """Return a predict call's body as an object, whose rows are an array if they can be; raises InvalidRequestError."""
    return json_matrix.parse(body) or json_document.parse(body)


def _quotes_of_keys(document: Mapping[str, Any]) -> int:
    """Return how many quotation marks a body has if there is no string but its keys and the signature's name."""
    return 2 * len(document) + 2 * ("signature_name" in document)


def write(outputs: Mapping[str, Array], layout: str) -> bytes:
    """Return the body of an answer, in the layout of its request. Raises InvalidRequestError if it does not fit."""
    if not outputs:
        raise InvalidRequestError("Cannot convert empty tensor map to JSON")
    columns = {name: _printable(name, array) for name, array in outputs.items()}
    single = next(iter(columns.values())) if len(columns) == 1 else None
    if layout == COLUMNS:
        return dump({"outputs": columns if single is None else single})
    _check_rows(outputs)
    if single is not None:
        return dump({"predictions": single})
    rows = zip(*(list(column) for column in columns.values()), strict=True)
    return dump({"predictions": [dict(zip(columns, row, strict=True)) for row in rows]})


def _from_rows(rows: list[Any], specs: Mapping[str, TensorSpec], *, plain: bool) -> dict[str, Array]:
    if not _is_object(rows[0]):
        if len(specs) > 1:
            raise InvalidRequestError(
                "instances is a plain list, but expecting list of objects as multiple "
                "input tensors required as per tensorinfo_map"
            )
        ((name, spec),) = specs.items()
        array = quickly(rows, spec.dtype, plain=plain)
        return {name: _stack_values(rows, spec.dtype) if array is None else array}
    for number, row in enumerate(rows):
        if not _is_object(row):
            raise InvalidRequestError(f"Expecting object but got list at item {number} of input list")
        _check_names(row, number, specs)
    inputs = {}
    for name, spec in specs.items():
        items = [row[name] for row in rows]
        array = quickly(items, spec.dtype, plain=plain)
        inputs[name] = _stack(items, spec.dtype, f" key: {name}") if array is None else array
    return inputs


def _stack_values(rows: list[Any], dtype: str) -> Array:
    for number, row in enumerate(rows):
        if _is_object(row):
            raise InvalidRequestError(f"Expecting value/list but got object at item {number} of input list")
    return _stack(rows, dtype, "")


def _from_matrix(matrix: Array, specs: Mapping[str, TensorSpec]) -> dict[str, Array] | None:
    """Return rows of numbers as the one input, or None if that takes a closer look than a matrix allows."""
    if len(specs) > 1:
        return None
    ((name, spec),) = specs.items()
    if spec.dtype not in ("float32", "float64"):
        return None
    array = json_matrix.as_dtype(matrix, spec.dtype, FLOAT_LIMITS[spec.dtype][0])
    return None if array is None else {name: array}


def _check_names(row: Mapping[str, Any], number: int, specs: Mapping[str, TensorSpec]) -> None:
    if row.keys() == specs.keys():
        return
    for name in row:
        if name not in specs:
            raise InvalidRequestError(
                f"Failed to process element: {number} key: {name} of '{ROWS}' list. "
                f"Error: INVALID_ARGUMENT: JSON object: does not have named input: {name}"
            )
    raise InvalidRequestError(
        f"Failed to process element: {number} of '{ROWS}' list. JSON object: {show(row)} "
        f"keys must be equal to: {','.join(sorted(specs))}"
    )


def _stack(items: list[Any], dtype: str, which: str) -> Array:
    """Return values, taken one by one, as one array; which says whose they are."""
    arrays: list[Array] = []
    for number, item in enumerate(items):
        try:
            arrays.append(one_by_one(item, dtype))
            _check_same(arrays[0], arrays[-1])
        except InvalidRequestError as error:
            raise InvalidRequestError(
                f"Failed to process element: {number}{which} of '{ROWS}' list. Error: INVALID_ARGUMENT: {error}"
            ) from error
    return np.stack(arrays)


def _check_same(first: Array, other: Array) -> None:
    if first.size != other.size:
        raise InvalidRequestError(f"Expecting tensor size: {first.size} but got: {other.size}")
    if first.shape != other.shape:
        expected, got = (",".join(map(str, array.shape)) for array in (first, other))
        raise InvalidRequestError(f"Expecting shape [{expected}] but got: [{got}]")


def _from_columns(value: Any, specs: Mapping[str, TensorSpec], *, plain: bool) -> dict[str, Array]:
    if not _is_object(value):
        if len(specs) > 1:
            raise InvalidRequestError(
                "inputs is a plain value/list, but expecting an object as multiple "
                "input tensors required as per tensorinfo_map"
            )
        ((name, spec),) = specs.items()
        return {name: to_array(value, spec.dtype, plain=plain)}
    for name in specs:
        if name not in value:
            raise InvalidRequestError(f"Missing named input: {name} in '{COLUMNS}' object.")
    return {name: to_array(value[name], spec.dtype, plain=plain) for name, spec in specs.items()}


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and not is_base64(value)


def _check_rows(outputs: Mapping[str, Array]) -> None:
    rows: int | None = None
    for name, array in outputs.items():
        if array.ndim == 0:
            raise InvalidRequestError(f"Tensor name: {name} has no shape information ")
        if rows is not None and rows != array.shape[0]:
            raise InvalidRequestError(
                f"Tensor name: {name} has inconsistent batch size: {array.shape[0]} expecting: {rows}"
            )
        rows = array.shape[0]


def _printable(name: str, array: Array) -> Any:
    """Return what orjson prints as TensorFlow Serving would: an array, or lists where numpy's types do not do."""
    kind = array.dtype.kind
    if kind == "O":
        as_bytes = name.endswith("_bytes")
        return _nested([_text(value, as_bytes=as_bytes) for value in array.reshape(-1).tolist()], array.shape)
    if kind == "c":
        raise InvalidRequestError(f"Failed to write JSON value for tensor type: {array.dtype.name}")
    if array.dtype == NUMPY_DTYPES["bfloat16"]:
        array = array.astype(np.float32)
    return array if array.ndim else array[()]


def _text(value: bytes, *, as_bytes: bool) -> Any:
    if as_bytes:
        return {"b64": base64.b64encode(value).decode()}
    return value.decode(errors="replace")


def _nested(values: list[Any], shape: tuple[int, ...]) -> Any:
    if not shape:
        return values[0]
    for size in reversed(shape[1:]):
        count = len(values) // size if size else 0
        values = [values[start * size : (start + 1) * size] for start in range(count)]
    return values if shape[0] == len(values) else [[] for _ in range(shape[0])]

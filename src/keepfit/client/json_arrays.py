"""Arrays as the JSON of TensorFlow Serving's REST API and back. Knows nothing of requests.

NaN and Infinity are bare words there, and bytes are {"b64": …}.
"""

import base64
import binascii
import json
from typing import Any

import numpy as np
import orjson

from keepfit.dtypes import NUMPY_DTYPES, STRING, Array, dtype_name
from keepfit.errors import UnimplementedError

_WRITE = orjson.OPT_SERIALIZE_NUMPY


def dump(document: Any) -> bytes:
    """Return JSON; arrays in it must have passed jsonable()."""
    return orjson.dumps(document, option=_WRITE)


def load(content: bytes) -> Any:
    """Return JSON as a value, or raise ValueError."""
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        # NaN and Infinity, which orjson refuses, and strings that are not UTF-8, which TensorFlow Serving writes
        try:
            return json.loads(content.decode("utf-8", "surrogateescape"))
        except RecursionError as error:
            raise ValueError("nested too deeply") from error


def jsonable(name: str, array: Array) -> Any:
    """Return what dump() writes as this array; raises UnimplementedError for complex numbers."""
    dtype = dtype_name(array)
    if dtype == STRING:
        return _nested(array, as_base64)
    if dtype.startswith("complex"):
        raise UnimplementedError(f"Input {name!r} has complex numbers, which JSON does not have: use a grpc:// address")
    if dtype == "bfloat16":
        array = array.astype(np.float32)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        return orjson.Fragment(json.dumps(array.tolist()))
    return np.ascontiguousarray(array) if array.ndim else array[()]


def as_base64(value: bytes) -> dict[str, str]:
    """Return bytes as they are written."""
    return {"b64": base64.b64encode(value).decode()}


def is_base64(value: Any) -> bool:
    """Tell whether a JSON value stands for bytes."""
    return isinstance(value, dict) and len(value) == 1 and isinstance(value.get("b64"), str)


def to_array(value: Any, dtype: str | None) -> Array:
    """Return a JSON value as an array, by its looks if the dtype is not known. Raises ValueError."""
    try:
        if dtype == STRING:
            return _strings(value)
        if dtype == "bfloat16":
            return np.asarray(value, np.float32).astype(NUMPY_DTYPES[dtype])
        return np.asarray(value, None if dtype is None else NUMPY_DTYPES.get(dtype))
    except (TypeError, OverflowError) as error:
        raise ValueError(str(error)) from error


def _strings(value: Any) -> Array:
    level, shape = [value], []
    while level and isinstance(level[0], list):
        shape.append(len(level[0]))
        if not all(isinstance(part, list) and len(part) == shape[-1] for part in level):
            raise ValueError("the strings are ragged")
        level = [item for part in level for item in part]
    flat = np.empty(len(level), dtype=object)
    flat[:] = [_bytes(item) for item in level]
    return flat.reshape(shape)


def _bytes(value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape")
    if not is_base64(value):
        raise ValueError(f"{type(value).__name__} where a string should be")
    try:
        return base64.b64decode(value["b64"], validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from error


def _nested(array: Array, write: Any) -> Any:
    if array.ndim == 0:
        return write(array.item())
    if array.ndim == 1:
        return [write(value) for value in array.tolist()]
    return [_nested(part, write) for part in array]

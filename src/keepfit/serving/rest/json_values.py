"""Nested JSON lists as arrays of a given dtype, with TensorFlow Serving's rules and error texts (its json_tensor.cc).

Plain numbers go through numpy at once; what that does not take, or might take too kindly, goes value by value.
Knows nothing of requests.
"""

import base64
import binascii
import itertools
from typing import Any

import numpy as np

from keepfit.dtypes import MESSAGE_NAMES, NUMPY_DTYPES, STRING, Array
from keepfit.errors import InvalidRequestError, UnimplementedError
from keepfit.serving.rest.json_document import show, type_name

MAX_RANK = 64
"""numpy's limit, and so the nesting depth that a tensor may have."""

_FEW = 1024
"""Values that one processor multiplies before others could be woken up."""

FLOAT_LIMITS = {
    "float16": (65504, 65504.0),
    "bfloat16": (2**127, float(np.finfo(np.float32).max)),
    "float32": (2**24 - 1, float(np.finfo(np.float32).max)),
    "float64": (2**53 - 1, float(np.finfo(np.float64).max)),
}
"""The greatest integer and the greatest finite value that are taken.

For float32 and float64, integers must be exact, as TensorFlow Serving wants it; it has no JSON for the halves."""


def to_array(value: Any, dtype: str, *, plain: bool) -> Array:
    """Return a JSON value as an array; plain says that there is surely no string, true or false in it.

    Raises InvalidRequestError, or UnimplementedError for a dtype that JSON cannot give.
    """
    array = quickly(value, dtype, plain=plain)
    return one_by_one(value, dtype) if array is None else array


def quickly(value: Any, dtype: str, *, plain: bool) -> Array | None:
    """Return regular numbers (or booleans) as an array, or None if anything about them needs a closer look."""
    if dtype == STRING:
        return None
    # numpy takes booleans for numbers, and a long string among many short ones for a reason to fill the memory.
    if not plain and not _leaf_types(value) <= ({bool} if dtype == "bool" else {int, float}):
        return None
    try:
        array = np.array(value)
    except (ValueError, OverflowError, RecursionError):
        return None
    if dtype in FLOAT_LIMITS:
        return _as_floats(value, array, dtype)
    if array.dtype.kind == "i" and dtype.startswith(("int", "uint")):
        limits = np.iinfo(dtype)
        inside = array.size and array.min() >= limits.min and array.max() <= limits.max
        return array.astype(dtype, copy=False) if inside else None
    return array if array.dtype.kind == "b" and dtype == "bool" else None


def _leaf_types(value: Any) -> set[type]:
    level = [value]
    while True:
        types = set(map(type, level))
        if types != {list}:
            return types
        level = list(itertools.chain.from_iterable(level))


def _as_floats(value: Any, array: Array, dtype: str) -> Array | None:
    if array.dtype.kind not in "if":
        return None
    if array.size:
        exact, greatest = FLOAT_LIMITS[dtype]
        if not _is_within(array, exact) and not _is_lossless(value, array, exact, greatest):
            return None
    return array.astype(NUMPY_DTYPES[dtype], copy=False)


def _is_within(array: Array, limit: int) -> bool:
    # No number is further from 0 than the root of the sum of all squares, which takes a quarter of the time to find.
    if array.dtype.kind == "f" and array.size <= _FEW and np.vdot(array, array) <= float(limit) ** 2:
        return True
    return bool(-limit <= array.min() and array.max() <= limit)


def _is_lossless(value: Any, array: Array, exact: int, greatest: float) -> bool:
    """Tell whether numbers of which some are large, infinite or none are all taken: decimals may be rounded."""
    if array.dtype.kind == "i":
        return False
    large = np.abs(array[np.isfinite(array)])
    large = large[large > exact]
    return not large.size or bool(large.max() <= greatest and int not in _leaf_types(value))


def one_by_one(value: Any, dtype: str) -> Array:
    """Return any JSON value as an array, or raise with the text that says which part of it is wrong."""
    shape = _shape(value)
    values: list[Any] = []
    _fill(value, 0, shape, dtype, values)
    array = np.empty(len(values), dtype=NUMPY_DTYPES[dtype])
    array[:] = values
    return array.reshape(shape)


def is_base64(value: Any) -> bool:
    """Tell whether a JSON value is {"b64": "…"}, which stands for bytes."""
    return isinstance(value, dict) and len(value) == 1 and isinstance(value.get("b64"), str)


def _shape(value: Any) -> list[int]:
    shape: list[int] = []
    while isinstance(value, list):
        if len(shape) == MAX_RANK:
            raise InvalidRequestError(f"JSON lists are nested deeper than {MAX_RANK} levels")
        shape.append(len(value))
        value = value[0] if value else None
    return shape


def _fill(value: Any, level: int, shape: list[int], dtype: str, values: list[Any]) -> None:
    rank = len(shape)
    if not isinstance(value, list):
        if level != rank:
            raise InvalidRequestError(
                f"JSON Value: {show(value)} found at incorrect level: {level + 1} in the JSON DOM. "
                f"Expected at level: {rank}"
            )
        values.append(_leaf(value, dtype))
        return
    if level >= rank:
        raise InvalidRequestError(f"Encountered list at unexpected level: {level} expected < {rank}")
    if len(value) != shape[level]:
        raise InvalidRequestError(
            f"Encountered list at unexpected size: {len(value)} at level: {level} expected size: {shape[level]}"
        )
    for item in value:
        _fill(item, level + 1, shape, dtype, values)


def _leaf(value: Any, dtype: str) -> Any:
    if dtype == STRING:
        return to_bytes(value)
    if dtype == "bool":
        if not isinstance(value, bool):
            raise _type_error(value, dtype)
        return value
    if dtype in FLOAT_LIMITS:
        return to_float(value, dtype)
    if not dtype.startswith(("int", "uint")):
        raise UnimplementedError(f"Conversion of JSON Value: {show(value)} to type: {dtype}")
    limits = np.iinfo(dtype)
    if isinstance(value, bool) or not isinstance(value, int) or not limits.min <= value <= limits.max:
        raise _type_error(value, dtype)
    return value


def to_float(value: Any, dtype: str) -> float:
    """Return a JSON number as a float that the dtype can hold; raises InvalidRequestError."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _type_error(value, dtype)
    exact, greatest = FLOAT_LIMITS[dtype]
    is_integer = isinstance(value, int) and -(2**63) <= value < 2**64  # beyond those, rapidjson makes it a double
    if abs(value) > (exact if is_integer else greatest) and abs(value) != float("inf"):
        raise InvalidRequestError(
            f"Cannot convert JSON value: {show(value)} to {MESSAGE_NAMES[dtype]} without loss of precision."
        )
    return float(value)


def to_bytes(value: Any) -> bytes:
    """Return a JSON string, or bytes given as {"b64": "…"}; raises InvalidRequestError."""
    if isinstance(value, str):
        try:
            return value.encode()
        except UnicodeEncodeError as error:  # half of a surrogate pair, which orjson refuses but json does not
            raise InvalidRequestError(f"JSON Value: {show(value)} is not valid Unicode") from error
    if not isinstance(value, dict):
        raise _type_error(value, STRING)
    if not is_base64(value):
        raise InvalidRequestError(f"JSON Value: {show(value)} not formatted correctly for base64 data")
    text = "".join(value["b64"].split())
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidRequestError("Unable to base64 decode") from error


def _type_error(value: Any, dtype: str) -> InvalidRequestError:
    return InvalidRequestError(
        f"JSON Value: {show(value)} Type: {type_name(value)} is not of expected type: {MESSAGE_NAMES.get(dtype, dtype)}"
    )

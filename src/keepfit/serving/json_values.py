"""Nested JSON lists as arrays of a given dtype, with TensorFlow Serving's rules and error texts (its json_tensor.cc).

Plain numbers go through numpy at once; what that does not take, or might take too kindly, goes value by value.
Knows nothing of requests.
"""

import base64
import binascii
import itertools
import json
from typing import Any

import numpy as np

from keepfit.dtypes import NUMPY_DTYPES, STRING, Array
from keepfit.errors import InvalidRequestError, UnimplementedError

MAX_RANK = 64
"""numpy's limit, and so the nesting depth that a tensor may have."""
_SHOWN_CHARACTERS = 500

_TYPE_NAMES = {"float32": "float", "float64": "double", "float16": "half"}
_FLOAT_LIMITS = {
    "float16": (65504, 65504.0),
    "bfloat16": (2**127, float(np.finfo(np.float32).max)),
    "float32": (2**24 - 1, float(np.finfo(np.float32).max)),
    "float64": (2**53 - 1, float(np.finfo(np.float64).max)),
}
"""The greatest integer and the greatest finite value that are taken.

For float32 and float64, integers must be exact, as TensorFlow Serving wants it; it has no JSON for the halves. Among
decimals, integers are not looked at one by one: [0.5, 16777217] is rounded here and refused there.
"""


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
    if dtype in _FLOAT_LIMITS:
        return _as_floats(array, dtype)
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


def _as_floats(array: Array, dtype: str) -> Array | None:
    exact, _ = _FLOAT_LIMITS[dtype]
    if array.dtype.kind == "i":
        if array.size and (array.max() > exact or array.min() < -exact):
            return None
    elif array.dtype.kind != "f":
        return None
    with np.errstate(over="ignore"):
        floats = array.astype(NUMPY_DTYPES[dtype], copy=False)
    return floats if np.isfinite(floats).all() else None


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


def show(value: Any) -> str:
    """Return a JSON value for an error text, cut off if it is long."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except RecursionError:
        return "(nested too deeply to be shown)"
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"


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
        return _string(value)
    if dtype == "bool":
        if not isinstance(value, bool):
            raise _type_error(value, dtype)
        return value
    if dtype in _FLOAT_LIMITS:
        return _float(value, dtype)
    if not dtype.startswith(("int", "uint")):
        raise UnimplementedError(f"Conversion of JSON Value: {show(value)} to type: {dtype}")
    limits = np.iinfo(dtype)
    if isinstance(value, bool) or not isinstance(value, int) or not limits.min <= value <= limits.max:
        raise _type_error(value, dtype)
    return value


def _float(value: Any, dtype: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _type_error(value, dtype)
    exact, greatest = _FLOAT_LIMITS[dtype]
    if isinstance(value, int):
        lossy = abs(value) > exact
    else:
        lossy = abs(value) > greatest and value not in (float("inf"), float("-inf"))
    if lossy:
        raise InvalidRequestError(
            f"Cannot convert JSON value: {show(value)} to {_TYPE_NAMES.get(dtype, dtype)} without loss of precision."
        )
    return float(value)


def _string(value: Any) -> bytes:
    if isinstance(value, str):
        try:
            return value.encode()
        except UnicodeEncodeError as error:  # half of a surrogate pair, which orjson refuses but json does not
            raise InvalidRequestError(f"JSON Value: {show(value)} is not valid Unicode") from error
    if not isinstance(value, dict):
        raise _type_error(value, STRING)
    if not is_base64(value):
        raise InvalidRequestError(f"JSON Value: {show(value)} not formatted correctly for base64 data")
    text = value["b64"]
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidRequestError("Unable to base64 decode") from error


def _type_error(value: Any, dtype: str) -> InvalidRequestError:
    names = {str: "String", dict: "Object", list: "Array", type(None): "Null"}
    kind = str(value) if isinstance(value, bool) else names.get(type(value), "Number")
    return InvalidRequestError(
        f"JSON Value: {show(value)} Type: {kind} is not of expected type: {_TYPE_NAMES.get(dtype, dtype)}"
    )

"""A caller's arrays as the model's signature wants them. Pure.

Numbers are converted where JSON would convert them as well, so that both transports take the same: integers to floats,
floats to shorter floats, integers to integers that can hold them. Everything else is refused by name.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from keepfit.dtypes import NUMPY_DTYPES, STRING, Array, dtype_name
from keepfit.errors import InvalidRequestError
from keepfit.signatures import Signature

Inputs: TypeAlias = ArrayLike | Mapping[str, ArrayLike]
"""One array for a model with one input, or arrays by name."""

_BFLOAT16 = NUMPY_DTYPES["bfloat16"]
_TAKES = {"b": "b", "i": "iu", "u": "iu", "f": "iuf", "c": "iufc"}
"""Which kinds of numbers a dtype's kind is made of."""


def bind(inputs: Inputs, signature: Signature) -> dict[str, Array]:
    """Return the arrays by name, in the signature's dtypes. Raises InvalidRequestError.

    Names and shapes that do not fit are left to the server, which knows them best.
    """
    named = inputs if isinstance(inputs, Mapping) else {_only_input(signature): inputs}
    return {name: _conform(name, value, _dtype_of(signature, name)) for name, value in named.items()}


def _only_input(signature: Signature) -> str:
    needed = [name for name in signature.inputs if name not in signature.defaults]
    if len(needed) != 1:
        listed = ", ".join(signature.inputs) or "none at all"
        raise InvalidRequestError(
            f"One array is given, but signature {signature.name!r} has the inputs {listed}: expected a dict by name"
        )
    return needed[0]


def _dtype_of(signature: Signature, name: str) -> str | None:
    spec = signature.inputs.get(name)
    return spec.dtype if spec is not None and spec.dtype in NUMPY_DTYPES else None


def _conform(name: str, value: ArrayLike, dtype: str | None) -> Array:
    if np.ma.is_masked(value):
        raise InvalidRequestError(f"Input {name!r} has masked values: fill them with what the model takes for missing")
    try:
        array = np.asarray(value)
        if array.dtype.kind == "S" and array is not value:
            array = np.asarray(value, dtype=object)  # numpy's own bytes lose the zeros at their ends
    except ValueError as error:
        raise InvalidRequestError(f"Input {name!r} is not an array: {error}") from error
    if array.dtype.kind in "USO":
        if dtype not in (STRING, None):
            raise InvalidRequestError(f"Input {name!r} has {_described(array)}: expected {dtype}")
        return _strings(name, array)
    wanted = array.dtype.newbyteorder("=") if dtype is None else NUMPY_DTYPES[dtype]
    if array.dtype == wanted and array.dtype.isnative:
        return _known(name, array)
    if _kind(array.dtype) not in _TAKES.get(_kind(wanted), ""):
        raise InvalidRequestError(f"Input {name!r} has {_described(array)}: expected {dtype or 'numbers or text'}")
    return _known(name, _cast(name, array, wanted))


def _cast(name: str, array: Array, wanted: np.dtype[Any]) -> Array:
    if _kind(wanted) in "iu" and array.size:
        limits, least, greatest = np.iinfo(wanted), int(array.min()), int(array.max())
        if least < limits.min or greatest > limits.max:
            raise InvalidRequestError(
                f"Input {name!r} has values from {least} to {greatest}, which {wanted} cannot hold"
            )
    with np.errstate(over="ignore"):
        cast = array.astype(wanted)
    if _kind(wanted) == "f" and np.isinf(cast).any() and (np.isinf(cast) != np.isinf(array)).any():
        raise InvalidRequestError(f"Input {name!r} has values that are too large for {wanted}")
    return cast


def _strings(name: str, array: Array) -> Array:
    """Return text as bytes in UTF-8; whatever is neither is refused."""
    values = np.empty(array.size, dtype=object)
    for index, item in enumerate(array.reshape(-1).tolist()):
        if not isinstance(item, str | bytes):
            raise InvalidRequestError(f"Input {name!r} has an element of type {type(item).__name__} in an object array")
        values[index] = item.encode() if isinstance(item, str) else item
    return values.reshape(array.shape)


def _known(name: str, array: Array) -> Array:
    try:
        dtype_name(array)
    except KeyError as error:
        raise InvalidRequestError(f"Input {name!r} has {array.dtype}, which TensorFlow does not know") from error
    return array


def _kind(dtype: np.dtype[Any]) -> str:
    return "f" if dtype == _BFLOAT16 else dtype.kind


def _described(array: Array) -> str:
    return {"U": "text", "S": "bytes", "O": "objects"}.get(array.dtype.kind, str(array.dtype))

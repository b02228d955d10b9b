"""TensorFlow's dtypes as numpy's. Strings are object arrays of bytes. Knows nothing of messages."""

from typing import Any, TypeAlias

import ml_dtypes
import numpy as np

from keepfit.signatures import DTYPE_NAMES

Array: TypeAlias = np.ndarray[Any, Any]

STRING = "string"
OBJECT = np.dtype(object)
NUMPY_DTYPES: dict[str, np.dtype[Any]] = {
    name: OBJECT if name == STRING else np.dtype(ml_dtypes.bfloat16 if name == "bfloat16" else name)
    for name in DTYPE_NAMES.values()
}
"""The numpy dtype for each of TensorFlow's names."""
MESSAGE_NAMES: dict[str, str] = {
    name: {"float32": "float", "float64": "double", "float16": "half"}.get(name, name) for name in NUMPY_DTYPES
}
"""What TensorFlow's error messages call each dtype."""
_NAMES = {dtype: name for name, dtype in NUMPY_DTYPES.items()}


def dtype_name(array: Array) -> str:
    """Return TensorFlow's name of an array's dtype; KeyError if it has none."""
    return _NAMES[array.dtype]

"""The frames in which tensors travel between the server and its workers.

A frame is a header (JSON) and the raw bytes of its tensors; no pickle. Strings are object arrays of bytes.
Knows nothing of what the frames mean.
"""

import struct
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import orjson

from keepfit.dtypes import NUMPY_DTYPES, OBJECT, STRING, Array, dtype_name

Header: TypeAlias = dict[str, Any]
Buffer: TypeAlias = bytes | memoryview

PREFIX = struct.Struct("<IQ")
"""Before each frame: bytes of the header, bytes of the body."""
_ALIGNMENT = 64
"""TensorFlow takes a buffer without copying it only if it is aligned so."""


def encode(header: Header, tensors: Mapping[str, Sequence[Array]]) -> list[Buffer]:
    """Return a frame as buffers; the pieces of each tensor follow one another, joined along their first axis.

    The pieces of a tensor must have the same dtype and the same shape but for the first axis.
    """
    descriptions = []
    buffers: list[Buffer] = []
    size = 0
    for name, pieces in tensors.items():
        first = pieces[0]
        shape = list(first.shape)
        if len(pieces) > 1:
            shape[0] = sum(piece.shape[0] for piece in pieces)
        content = _string_buffers(pieces) if first.dtype == OBJECT else [_raw(piece) for piece in pieces]
        length = sum(map(len, content))
        descriptions.append((name, dtype_name(first), shape, length))
        buffers += [buffer for buffer in content if buffer]
        size += length
        if padding := -length % _ALIGNMENT:
            buffers.append(bytes(padding))
            size += padding
    head = orjson.dumps({**header, "tensors": descriptions})
    return [PREFIX.pack(len(head), size) + head, *buffers]


def decode(header: Header, body: Array) -> dict[str, Array]:
    """Return the tensors of a frame as views of its body (an array of bytes)."""
    tensors = {}
    offset = 0
    for name, dtype, shape, length in header["tensors"]:
        content = body[offset : offset + length]
        tensors[name] = (
            _strings(content, shape) if dtype == STRING else content.view(NUMPY_DTYPES[dtype]).reshape(shape)
        )
        offset += length + -length % _ALIGNMENT
    return tensors


def allocate(size: int) -> Array:
    """Return uninitialised bytes, aligned as TensorFlow likes them."""
    memory = np.empty(size + _ALIGNMENT, dtype=np.uint8)
    start = -memory.ctypes.data % _ALIGNMENT
    return memory[start : start + size]


def _raw(array: Array) -> memoryview:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def _string_buffers(pieces: Sequence[Array]) -> list[Buffer]:
    values = [value for piece in pieces for value in piece.reshape(-1).tolist()]
    return [np.array([len(value) for value in values], dtype=np.uint32).view(np.uint8).data, b"".join(values)]


def _strings(content: Array, shape: list[int]) -> Array:
    count = int(np.prod(shape, dtype=np.int64))
    lengths = content[: 4 * count].view(np.uint32).tolist()
    data = content[4 * count :].tobytes()
    values = np.empty(count, dtype=object)
    offset = 0
    for index, length in enumerate(lengths):
        values[index] = data[offset : offset + length]
        offset += length
    return values.reshape(shape)

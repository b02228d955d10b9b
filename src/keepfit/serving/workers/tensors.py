"""Tensors as raw bytes and back, as they stand in the frames between the server and its workers; no pickle.

Strings are object arrays of bytes. Knows nothing of what frames mean.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeAlias

import numpy as np

from keepfit.dtypes import NUMPY_DTYPES, OBJECT, STRING, Array, dtype_name

Buffer: TypeAlias = bytes | memoryview

ALIGNMENT = 64
"""TensorFlow takes a buffer without copying it only if it is aligned so."""
_SMALL_BYTES = 4096
"""Below this, copying an array is quicker than looking at its memory."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tensor lies in a body, and what it is."""

    name: str
    dtype: str
    numpy_dtype: np.dtype[Any]
    shape: tuple[int, ...]
    start: int
    end: int

    @classmethod
    def of(cls, description: Sequence[Any], start: int) -> Self:
        """Return the place of the tensor that Packed describes, in the body of a frame."""
        name, dtype, shape, length = description
        return cls(name, dtype, NUMPY_DTYPES[dtype], tuple(shape), start, start + length)

    def read(self, body: bytearray | Array) -> Array:
        """Return the tensor; numbers are a view of the body."""
        if self.dtype == STRING:
            return _strings(bytes(body[self.start : self.end]), self.shape)
        return np.ndarray(self.shape, self.numpy_dtype, body, self.start)


@dataclass(frozen=True, slots=True)
class Packed:
    """A tensor on its way into a frame."""

    description: tuple[str, str, list[int], int]
    """Its name, dtype, shape and bytes, as the frame's head has them."""
    buffers: list[Buffer]

    @classmethod
    def of(cls, name: str, pieces: Sequence[Array]) -> Self:
        """Pack pieces that follow one another, joined along their first axis.

        They must have the same dtype and the same shape but for the first axis.
        """
        first = pieces[0]
        shape = list(first.shape)
        if len(pieces) > 1:
            shape[0] = sum([piece.shape[0] for piece in pieces])
        buffers = _string_buffers(pieces) if first.dtype == OBJECT else [_raw(piece) for piece in pieces]
        return cls((name, dtype_name(first), shape, sum(map(len, buffers))), buffers)


def allocate(size: int) -> Array:
    """Return uninitialised bytes, aligned as TensorFlow likes them."""
    memory = np.empty(size + ALIGNMENT, dtype=np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start : start + size]


def _raw(array: Array) -> Buffer:
    if array.nbytes <= _SMALL_BYTES:
        return array.tobytes()
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def _string_buffers(pieces: Sequence[Array]) -> list[Buffer]:
    values = [value for piece in pieces for value in piece.reshape(-1).tolist()]
    return [np.array([len(value) for value in values], dtype=np.uint32).tobytes(), b"".join(values)]


def _strings(content: bytes, shape: tuple[int, ...]) -> Array:
    count = int(np.prod(shape, dtype=np.int64))
    lengths = np.frombuffer(content, dtype=np.uint32, count=count).tolist()
    values = np.empty(count, dtype=object)
    offset = 4 * count
    for index, length in enumerate(lengths):
        values[index] = content[offset : offset + length]
        offset += length
    return values.reshape(shape)

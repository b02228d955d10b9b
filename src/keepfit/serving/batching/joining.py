"""Joins the inputs of requests into those of one batch, padded where that is wanted, and takes its outputs apart.

Pure functions on arrays; knows nothing of queues or workers.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from keepfit.dtypes import OBJECT, Array

Inputs = Mapping[str, Array]


def rows_of(inputs: Inputs) -> int:
    """Return how many rows a request has: the first dimension of its inputs."""
    for array in inputs.values():
        return array.shape[0] if array.ndim else 1
    return 1


def join(requests: Sequence[Inputs], padding_rows: int) -> dict[str, list[Array]]:
    """Return each input's pieces, one a request, and then copies of a row of the last one that has any as padding."""
    joined = {name: [inputs[name] for inputs in requests] for name in requests[0]}
    if padding_rows:
        for pieces in joined.values():
            last = next((piece for piece in reversed(pieces) if len(piece)), pieces[-1])
            pieces.append(np.repeat(last[:1], padding_rows, axis=0))
    return joined


def widen(requests: Sequence[Inputs]) -> list[Inputs]:
    """Return requests whose inputs are all as large as the largest one in each dimension but the first.

    What is added repeats a tensor's first element, as TensorFlow Serving does; one without any is filled with zeros.
    """
    shapes = {
        name: tuple(map(max, zip(*(inputs[name].shape[1:] for inputs in requests), strict=True)))
        for name in requests[0]
    }
    return [{name: _widen(array, shapes[name]) for name, array in inputs.items()} for inputs in requests]


def split(outputs: Inputs, rows: Sequence[int]) -> list[dict[str, Array]] | None:
    """Return each request's part of a batch's outputs, or None if they do not have a row for each row of the batch."""
    total = sum(rows)
    if any(array.ndim == 0 or array.shape[0] != total for array in outputs.values()):
        return None
    parts = []
    start = 0
    for count in rows:
        end = start + count
        parts.append({name: array[start:end] for name, array in outputs.items()})
        start = end
    return parts


def cut(inputs: Inputs, rows: int, size: int) -> list[dict[str, Array]]:
    """Return a request as several of at most some rows."""
    return [{name: array[start : start + size] for name, array in inputs.items()} for start in range(0, rows, size)]


def concatenate(parts: Sequence[Inputs]) -> dict[str, Array]:
    """Return the outputs of a request that was cut."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _widen(array: Array, shape: tuple[int, ...]) -> Array:
    if array.shape[1:] == shape:
        return array
    nothing = b"" if array.dtype == OBJECT else 0
    wide = np.full((array.shape[0], *shape), array.reshape(-1)[0] if array.size else nothing, dtype=array.dtype)
    wide[tuple(slice(size) for size in array.shape)] = array
    return wide

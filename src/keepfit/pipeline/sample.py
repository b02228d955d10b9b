"""The sample that stays with a kept candidate: inputs and the trainer's predictions, to qualify it again later."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keepfit.errors import QualificationError
from keepfit.storage import guarded

SAMPLE = "sample.npz"


def write_sample(inputs: Mapping[str, NDArray[Any]], expected: NDArray[Any], folder: Path) -> None:
    """Keep the first rows that `expected` (rows, outputs) answers; raises StorageError."""
    # text as fixed-width characters, because object arrays would need pickle
    arrays: dict[str, Any] = {
        f"input:{name}": values.astype(str) if values.dtype == object else values for name, values in inputs.items()
    }
    with guarded(folder / SAMPLE):
        np.savez(folder / SAMPLE, expected=expected, **arrays)


def read_sample(folder: Path) -> tuple[dict[str, NDArray[Any]], NDArray[Any]]:
    """The inputs and the predictions; raises QualificationError if there are none."""
    try:
        with np.load(folder / SAMPLE, allow_pickle=False) as arrays:
            inputs = {name.removeprefix("input:"): arrays[name] for name in arrays.files if name != "expected"}
            expected = arrays["expected"]
    except (OSError, ValueError, KeyError) as error:
        raise QualificationError(
            f"{folder} has no readable {SAMPLE}, without which it cannot be tried: train another candidate"
        ) from error
    texts = {name: values.astype(object) for name, values in inputs.items() if values.dtype.kind == "U"}
    return {**inputs, **texts}, expected

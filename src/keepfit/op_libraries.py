"""Operations that TensorFlow Serving has built in and TensorFlow has not: those of TF Text and TF Decision Forests.

Their libraries are loaded out of the packages, if these are installed, without the packages' Python, which wants Keras.
Imports TensorFlow.
"""

import importlib.util
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import tensorflow as tf

PACKAGES: Final = {"tensorflow_text": "tensorflow-text", "tensorflow_decision_forests": "tensorflow-decision-forests"}
"""By the names that Python has for them, those that pip has."""


def load() -> None:
    """Register all operations of the packages that are installed; those made for another TensorFlow are left out."""
    for package in PACKAGES:
        for library in _libraries(package):
            with suppress(tf.errors.OpError):
                tf.load_op_library(str(library))


def _libraries(package: str) -> Iterator[Path]:
    found = importlib.util.find_spec(package)
    folders = found.submodule_search_locations if found is not None else None
    for folder in folders or ():
        yield from sorted(Path(folder).glob("**/ops/**/*.so"))

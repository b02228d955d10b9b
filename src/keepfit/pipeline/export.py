"""Writes the SavedModel and the warmup requests of a candidate."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from keepfit import protos
from keepfit.errors import StorageError, TrainingError
from keepfit.pipeline.contract import SIGNATURE_NAME
from keepfit.pipeline.model import Assembly
from keepfit.storage import guarded

_WARMUP = Path("assets.extra", "tf_serving_warmup_requests")
_WARMUP_BATCHES = (1, 32)
_DISK_SIGNS = ("no space", "read-only", "denied", "not permitted", "too large", "quota", "input/output")


def write_model(assembly: Assembly, folder: Path) -> None:
    """Export the SavedModel; raises StorageError if the disk does not take it, else TrainingError."""
    assembly.serve.get_concrete_function(**assembly.input_specs)
    archive = keras.export.ExportArchive()
    archive.track(assembly.whole)
    archive.add_endpoint(SIGNATURE_NAME, assembly.serve)
    with _translated(folder):
        archive.write_out(str(folder), verbose=False)


def write_warmup(inputs: Mapping[str, NDArray[Any]], folder: Path, model_name: str) -> None:
    """Write requests that a model server replays before it serves the version, as TensorFlow Serving defines them.

    Raises StorageError.
    """
    path = folder / _WARMUP
    with _translated(path):
        path.parent.mkdir(exist_ok=True)
        with tf.io.TFRecordWriter(str(path)) as writer:
            for size in _WARMUP_BATCHES:
                writer.write(_warmup_request(inputs, size, model_name).SerializeToString())


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """Translate what TensorFlow's own file system code raises; it has no codes of the operating system."""
    try:
        with guarded(path):
            yield
    except tf.errors.OpError as error:
        text = str(error).lower()
        if any(sign in text for sign in _DISK_SIGNS):
            raise StorageError(f"cannot write the model to {path}: {error.message}") from error
        raise TrainingError(f"the model cannot be exported: {error.message}") from error


def _warmup_request(inputs: Mapping[str, NDArray[Any]], size: int, model_name: str) -> Any:
    log = protos.PredictionLog()
    request = log.predict_log.request
    request.model_spec.name = model_name
    request.model_spec.signature_name = SIGNATURE_NAME
    for name, values in inputs.items():
        # np.resize repeats the rows if there are fewer than asked for
        batch = np.resize(values, (size, *values.shape[1:]))
        request.inputs[name].MergeFromString(tf.make_tensor_proto(batch).SerializeToString())
    return log

"""Writes the SavedModel and the warmup requests of a candidate."""

from collections.abc import Mapping
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


def write_model(assembly: Assembly, folder: Path) -> None:
    """Export the SavedModel; raises StorageError if the disk does not take it, else TrainingError."""
    assembly.serve.get_concrete_function(**assembly.input_specs)
    archive = keras.export.ExportArchive()
    archive.track(assembly.whole)
    archive.add_endpoint(SIGNATURE_NAME, assembly.serve)
    try:
        with guarded(folder):
            archive.write_out(str(folder), verbose=False)
    except tf.errors.OpError as error:
        text = str(error).lower()
        if any(sign in text for sign in ("no space", "read-only", "denied", "too large", "quota")):
            raise StorageError(f"cannot write the model to {folder}: {error.message}") from error
        raise TrainingError(f"the model cannot be exported: {error.message}") from error


def write_warmup(inputs: Mapping[str, NDArray[Any]], folder: Path, model_name: str) -> None:
    """Write requests that a model server replays before it serves the version, as TensorFlow Serving defines them."""
    path = folder / _WARMUP
    with guarded(path):
        path.parent.mkdir(exist_ok=True)
        with tf.io.TFRecordWriter(str(path)) as writer:
            for size in _WARMUP_BATCHES:
                writer.write(_warmup_request(inputs, size, model_name).SerializeToString())


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

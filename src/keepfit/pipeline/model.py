"""The Keras model that is trained: the default one or the user's function, between preprocessing and the output.

Knows nothing of fitting or files of the run.
"""

import importlib
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from keepfit.config import ModelConfig
from keepfit.data.schema import Schema, Target
from keepfit.errors import TrainingError
from keepfit.pipeline.contract import OUTPUT_NAME, input_names

Array = NDArray[Any]

_BATCH_ROWS = 8192
_ACTIVATIONS = {"binary": "sigmoid", "multiclass": "softmax", "regression": "linear"}
_LOSSES = {
    "binary": "binary_crossentropy",
    "multiclass": "sparse_categorical_crossentropy",
    "regression": "mean_squared_error",
}


@dataclass(frozen=True)
class Assembly:
    """`core` is what is fitted, on the output of `preprocess`; `serve` is the whole, as it is exported."""

    preprocess: keras.Model
    core: keras.Model
    whole: keras.Model
    input_specs: Mapping[str, tf.TensorSpec]
    serve: Any

    def predict(self, inputs: Mapping[str, Array]) -> Array:
        """Predict with the very function that is exported; (rows,) or (rows, k) arrays in, (rows, outputs) out."""
        return self._in_batches(lambda batch: self.serve(**batch)[OUTPUT_NAME], inputs)

    def preprocessed(self, inputs: Mapping[str, Array]) -> Array:
        """What the core is fitted on: float32 (rows, width)."""
        return self._in_batches(lambda batch: self.preprocess(list(batch.values()), training=False), inputs)

    def _in_batches(self, function: Callable[[dict[str, Any]], Any], inputs: Mapping[str, Array]) -> Array:
        rows = len(next(iter(inputs.values())))
        results = []
        for start in range(0, rows, _BATCH_ROWS):
            chunk = {
                name: tf.constant(inputs[name][start : start + _BATCH_ROWS], dtype=spec.dtype)
                for name, spec in self.input_specs.items()
            }
            results.append(np.asarray(function(chunk)))
        return np.concatenate(results)


def assemble(
    schema: Schema, preprocess: keras.Model, config: ModelConfig, learning_rate: float, root: Path
) -> Assembly:
    """Build and compile the core for this data, and join it to preprocessing and output.

    Raises TrainingError if the user's function cannot be found, fails, or returns something that does not fit.
    """
    width, outputs = int(preprocess.output.shape[-1]), _outputs(schema.target)
    task = schema.target.task
    core = (
        _default_core(width, outputs, task) if config.build is None else _own_core(config, width, outputs, task, root)
    )
    if not core.compiled:
        # XLA would compile for seconds what runs for seconds; grouping steps saves 40 % of a small model's time
        core.compile(
            optimizer=keras.optimizers.Adam(learning_rate),
            loss=_LOSSES[task],
            metrics=[] if task == "regression" else ["accuracy"],
            jit_compile=False,
            steps_per_execution=16,
        )
    final = core(preprocess.output)
    if task == "regression":
        # fitted on the standardised target, served in the target's own unit
        final = keras.layers.Rescaling(schema.target.std or 1.0, offset=schema.target.mean or 0.0)(final)
    whole = keras.Model(preprocess.inputs, final, name="whole")
    specs = _input_specs(schema, preprocess)

    def serve(**inputs: Any) -> dict[str, Any]:
        return {OUTPUT_NAME: whole([inputs[name] for name in specs], training=False)}

    return Assembly(preprocess, core, whole, specs, tf.function(serve, input_signature=None, autograph=False))


def _input_specs(schema: Schema, preprocess: keras.Model) -> dict[str, tf.TensorSpec]:
    return {
        name: tf.TensorSpec(tensor.shape, tensor.dtype, name=name)
        for name, tensor in zip(input_names(schema), preprocess.inputs, strict=True)
    }


def _outputs(target: Target) -> int:
    return len(target.classes) if target.task == "multiclass" else 1


def _default_core(width: int, outputs: int, task: str) -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((width,)),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(32, activation="relu"),
            keras.layers.Dense(outputs, activation=_ACTIVATIONS[task]),
        ],
        name="core",
    )


def _own_core(config: ModelConfig, width: int, outputs: int, task: str, root: Path) -> keras.Model:
    build = _find_function(str(config.build), root)
    try:
        core = build(inputs=width, outputs=outputs, task=task, **config.options)
    except (Exception, SystemExit) as error:  # the function is the user's: whatever it raises is theirs to read
        raise TrainingError(f"{config.build} failed with {_describe(error)}") from error
    if not isinstance(core, keras.Model):
        raise TrainingError(f"{config.build} returned {type(core).__name__}: expected a keras.Model")
    shape = _output_shape(core, width, str(config.build))
    if shape != (None, outputs):
        raise TrainingError(f"the model of {config.build} ends in shape {shape}: expected (None, {outputs}) for {task}")
    return core


def _output_shape(core: keras.Model, width: int, name: str) -> tuple[int | None, ...] | str:
    """Ask it for a row of zeros: shape inference alone lets much pass that fails while it is fitted."""
    try:
        answer = core(np.zeros((1, width), np.float32), training=False)
    except (Exception, SystemExit) as error:  # Keras raises what its layers raise
        text = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise TrainingError(f"the model of {name} does not take a (batch, {width}) matrix: {text}") from error
    return (None, *answer.shape[1:]) if hasattr(answer, "shape") else f"of {len(answer)} outputs"


def _find_function(name: str, root: Path) -> Callable[..., Any]:
    module_name, function_name = name.split(":")
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:  # the module is the user's
        raise TrainingError(f"model {name!r}: {module_name} cannot be imported: {_describe(error)}") from error
    function = getattr(module, function_name, None)
    if not callable(function):
        raise TrainingError(
            f"model {name!r}: {getattr(module, '__file__', module_name)} has no function {function_name}"
        )
    found: Callable[..., Any] = function
    return found


def _describe(error: BaseException) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({Path(frame.filename).name}, line {frame.lineno})"

"""Loads and runs a TFLite model, with the interpreter that comes with TensorFlow, as if it were a SavedModel.

Imports TensorFlow: only workers import this.
"""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from keepfit import protos
from keepfit.dtypes import Array
from keepfit.errors import InferenceError, InvalidRequestError, ModelLoadError
from keepfit.signatures import DEFAULT_SIGNATURE, Signature, describe, fits, signatures_of, united_names, united_output

FILE = "model.tflite"
METHOD = "tensorflow/serving/predict"


class TfliteModel:
    """A loaded model, for one thread. Its inputs are resized to what comes, where the model says that they may vary."""

    def __init__(self, interpreter: Any) -> None:
        self._interpreter = interpreter
        self._runners = _runners(interpreter)
        self.signature_defs = {name: _signature_def(runner) for name, runner in self._runners.items()}
        self.signatures: Mapping[str, Signature] = signatures_of(self.signature_defs)

    def run(
        self, signature_name: str, inputs: Mapping[str, Array], output_names: Sequence[str] | None = None
    ) -> dict[str, Array]:
        """Run a signature once and return the outputs asked for (all of them by default) by name.

        Raises InvalidRequestError if the inputs do not fit the model, and InferenceError if the model fails.
        """
        if several := united_names(signature_name):
            return self._run_united(several, inputs, output_names)
        runner = self._runners.get(signature_name)
        if runner is None:
            known = ", ".join(sorted(self._runners))
            raise InvalidRequestError(f'Serving signature name: "{signature_name}" not found; there is: {known}')
        if inputs.keys() != runner.inputs.keys():
            raise InvalidRequestError(f"{signature_name!r} takes {sorted(runner.inputs)}, but got {sorted(inputs)}")
        for name, array in inputs.items():
            self._check_shape(signature_name, name, array)
        try:
            outputs = runner(inputs)
        except ValueError as error:
            raise InvalidRequestError(str(error)) from error
        except RuntimeError as error:
            raise InferenceError(str(error)) from error
        return outputs if output_names is None else {name: outputs[name] for name in output_names}

    def _run_united(
        self, signature_names: Sequence[str], inputs: Mapping[str, Array], output_names: Sequence[str] | None
    ) -> dict[str, Array]:
        """Run several signatures on the same inputs: the file has them as separate graphs."""
        outputs: dict[str, Array] = {}
        for name in signature_names:
            for output, array in self.run(name, inputs).items():
                outputs[united_output(self.signatures[name], output)] = array
        return outputs if output_names is None else {name: outputs[name] for name in output_names}

    def _check_shape(self, signature_name: str, name: str, array: Array) -> None:
        """Raise InvalidRequestError for a shape that the interpreter would take, and read past its end."""
        shape = self.signatures[signature_name].inputs[name].shape
        if not fits(shape, array.shape):
            raise InvalidRequestError(
                f"Input {name!r} of {signature_name!r} takes shape {describe(shape)}, but got {describe(array.shape)}"
            )


class _SignatureRunner:
    """One of the signatures that the model has."""

    def __init__(self, runner: Any) -> None:
        self._runner = runner
        self.inputs: Mapping[str, Any] = runner.get_input_details()
        self.outputs: Mapping[str, Any] = runner.get_output_details()

    def __call__(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        return {name: np.asarray(array) for name, array in self._runner(**inputs).items()}


class _WholeModel:
    """The only signature of a model that has none: its tensors by their own names."""

    def __init__(self, interpreter: Any) -> None:
        self._interpreter = interpreter
        self.inputs = {details["name"]: details for details in interpreter.get_input_details()}
        self.outputs = {details["name"]: details for details in interpreter.get_output_details()}

    def __call__(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        for name, array in inputs.items():
            self._interpreter.resize_tensor_input(self.inputs[name]["index"], array.shape, strict=True)
        self._interpreter.allocate_tensors()
        for name, array in inputs.items():
            self._interpreter.set_tensor(self.inputs[name]["index"], array)
        self._interpreter.invoke()
        return {name: self._interpreter.get_tensor(details["index"]) for name, details in self.outputs.items()}


def load(path: Path, session_config: bytes = b"") -> TfliteModel:
    """Load the TFLite model in a version's directory; raises ModelLoadError."""
    threads = tf.compat.v1.ConfigProto.FromString(session_config).intra_op_parallelism_threads
    file = path / FILE
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it recommends another package for the same interpreter
            interpreter = tf.lite.Interpreter(model_path=str(file), num_threads=threads or None)
        interpreter.allocate_tensors()
        return TfliteModel(interpreter)
    except (ValueError, RuntimeError, OSError) as error:
        raise ModelLoadError(f"{file} cannot be loaded: {error}", "INVALID_ARGUMENT") from error


def _runners(interpreter: Any) -> dict[str, Any]:
    names = interpreter.get_signature_list()
    if not names:
        return {DEFAULT_SIGNATURE: _WholeModel(interpreter)}
    return {name: _SignatureRunner(interpreter.get_signature_runner(name)) for name in names}


def _signature_def(runner: Any) -> Any:
    signature_def = protos.SignatureDef(method_name=METHOD)
    for infos, described in ((signature_def.inputs, runner.inputs), (signature_def.outputs, runner.outputs)):
        for name, details in described.items():
            infos[name].name = details["name"]
            infos[name].dtype = tf.as_dtype(details["dtype"]).as_datatype_enum
            for size in details["shape_signature"]:
                infos[name].tensor_shape.dim.add(size=int(size))
    return signature_def

"""Loads and runs a SavedModel, of TF1 or TF2, in a session.

Imports TensorFlow: only processes that load models import this. What a model says of itself is in signatures.py.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeAlias

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf.config_pb2 import CallableOptions
from tensorflow.core.protobuf.error_codes_pb2 import Code

from keepfit import op_libraries
from keepfit.errors import InferenceError, InvalidRequestError, ModelLoadError
from keepfit.signatures import Signature, TensorSpec, describe, fits, signatures_of, unite, united_names

__all__ = ["SavedModel", "Signature", "TensorSpec", "load"]

_UNKNOWN_OP = "Op type not registered"

Array: TypeAlias = np.ndarray[Any, Any]


class SavedModel:
    """A loaded model. May be called from several threads; close() frees its memory."""

    def __init__(self, session: Any, signature_defs: Mapping[str, Any], *, inter_op_threads: int = 0) -> None:
        self._session = session
        # The graph runs in the calling thread (-1) instead of a pool that must be woken up, unless one was asked for.
        self._pool = 0 if inter_op_threads > 1 else -1
        self.signature_defs = signature_defs
        self.signatures: Mapping[str, Signature] = signatures_of(signature_defs)
        self._defaults = {
            name: {key: tf.make_ndarray(value) for key, value in signature_def.defaults.items()}
            for name, signature_def in signature_defs.items()
        }
        self._calls: dict[tuple[str, tuple[str, ...], tuple[str, ...]], _Call] = {}
        self._united: dict[str, Signature] = {}

    def run(
        self,
        signature_name: str,
        inputs: Mapping[str, Array],
        output_names: Sequence[str] | None = None,
    ) -> dict[str, Array]:
        """Run a signature once and return the outputs asked for (all of them by default) by name.

        Strings are object arrays of bytes. Raises InvalidRequestError if the inputs do not fit the model, and
        InferenceError if the model fails. A shape that contradicts the signature is the model's to accept or refuse,
        as in TensorFlow Serving, whose first example sends such a one.
        """
        outputs = tuple(self._signature(signature_name).outputs if output_names is None else output_names)
        key = (signature_name, tuple(inputs), outputs)
        call = self._calls.get(key)
        if call is None:
            call = self._calls[key] = self._prepare(*key)
        feeds = [
            value if type(value) is np.ndarray and value.dtype == dtype else call.convert(name, value, dtype)
            for (name, value), dtype in zip(inputs.items(), call.dtypes, strict=True)
        ]
        try:
            results = call.function(*feeds, *call.defaults)
        except tf.errors.OpError as error:
            raise _run_error(error, _misfits(call.signature, inputs, feeds)) from error
        return {
            name: np.array(value, object) if type(value) is bytes else value  # a string alone, of rank 0
            for name, value in zip(call.outputs, results, strict=True)
        }

    def prepare(self) -> None:
        """Let TensorFlow optimise the graph of each signature now: the first run would wait for it otherwise.

        What TensorFlow refuses here, it refuses again, and says so, when it is run.
        """
        for signature in self.signatures.values():
            with suppress(InferenceError, InvalidRequestError):
                key = (signature.name, tuple(signature.inputs), tuple(signature.outputs))
                self._calls[key] = self._prepare(*key)

    def close(self) -> None:
        """Free the model; it cannot be run afterwards."""
        self._calls.clear()
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _prepare(self, signature_name: str, inputs: tuple[str, ...], outputs: tuple[str, ...]) -> "_Call":
        """Find all that calls with these inputs and outputs have in common."""
        signature = self._signature(signature_name)
        if unknown := [name for name in inputs if name not in signature.inputs]:
            known = ", ".join(signature.inputs)
            raise InvalidRequestError(f"{unknown[0]!r} is not an input of {signature.name!r}; its inputs are: {known}")
        if unknown := sorted(set(outputs) - set(signature.outputs)):
            known = ", ".join(signature.outputs)
            raise InvalidRequestError(f"{unknown[0]!r} is not an output of {signature.name!r}; there is: {known}")
        defaults = {k: v for k, v in self._defaults.get(signature_name, {}).items() if k not in inputs}
        for name in signature.inputs:
            if name not in inputs and name not in defaults:
                raise InvalidRequestError(f"Input {name!r} of {signature_name!r} is missing")
        # Python's Session.run costs 160 µs a call, this 4 µs: no look-up of feeds and fetches at each call.
        options = CallableOptions(
            feed=[signature.inputs[name].tensor_name for name in (*inputs, *defaults)],
            fetch=[signature.outputs[name].tensor_name for name in outputs],
        )
        options.run_options.inter_op_thread_pool = self._pool
        try:
            function = self._session._make_callable_from_options(options)
        except tf.errors.OpError as error:
            raise _run_error(error) from error
        return _Call(
            signature,
            tuple(np.dtype(tf.as_dtype(signature.inputs[name].dtype).as_numpy_dtype) for name in inputs),
            tuple(defaults.values()),
            outputs,
            function,
        )

    def _signature(self, name: str) -> Signature:
        return self.signatures.get(name) or self._unite(name)

    def _unite(self, name: str) -> Signature:
        names = united_names(name)
        if not names or not self.signatures.keys() >= set(names):
            known = ", ".join(sorted(self.signatures))
            raise InvalidRequestError(f'Serving signature name: "{name}" not found; there is: {known}')
        if name not in self._united:
            self._united[name] = unite([self.signatures[one] for one in names])
        return self._united[name]


@dataclass(frozen=True, slots=True)
class _Call:
    """What all calls of a signature with the same inputs and outputs share."""

    signature: Signature
    dtypes: tuple[np.dtype[Any], ...]
    """Of the inputs, in their order."""
    defaults: tuple[Array, ...]
    """What stands in for the inputs that are left out."""
    outputs: tuple[str, ...]
    function: Callable[..., Sequence[Any]]

    def convert(self, name: str, value: Any, dtype: np.dtype[Any]) -> Array:
        """Return a value as the array that an input takes; raises InvalidRequestError."""
        try:
            return np.asarray(value, dtype=dtype)
        except (TypeError, ValueError) as error:
            takes = self.signature.inputs[name].dtype
            raise InvalidRequestError(f"Input {name!r} of {self.signature.name!r} takes {takes}: {error}") from error


def _run_error(error: Any, misfits: str = "") -> InvalidRequestError | InferenceError:
    if isinstance(error, tf.errors.InvalidArgumentError):
        return InvalidRequestError(misfits + error.message)
    return InferenceError(error.message, Code.Name(error.error_code))


def _misfits(signature: Signature, names: Iterable[str], values: Iterable[Array]) -> str:
    """Say which values contradict the signature: the reason, most likely, why the model refused them."""
    return "".join(
        f"Input {name!r} of {signature.name!r} takes shape {describe(spec.shape)}, but got {describe(value.shape)}: "
        for name, value in zip(names, values, strict=True)
        if not fits((spec := signature.inputs[name]).shape, value.shape)
    )


def start_threads(session_config: bytes = b"") -> None:
    """Start the threads that all sessions share, so that they do not inherit the priority of one that loads."""
    tf.compat.v1.Session(graph=tf.Graph(), config=_config(session_config)).close()


def load(path: Path, tags: Iterable[str] = ("serve",), session_config: bytes = b"") -> SavedModel:
    """Load the SavedModel in a directory; raises ModelLoadError if it is not there, not whole or cannot be loaded.

    session_config is a serialized ConfigProto.
    """
    wanted = sorted(tags)
    if not any((path / name).is_file() for name in ("saved_model.pb", "saved_model.pbtxt")):
        raise ModelLoadError(
            f"Could not find SavedModel .pb or .pbtxt at supplied export directory path: {path}. Check that "
            "the directory exists and that you have the right permissions for accessing it.",
            "NOT_FOUND",
        )
    config = _config(session_config)
    try:
        return _restore(path, wanted, config)
    except ModelLoadError as error:
        if _UNKNOWN_OP not in str(error):
            raise
    op_libraries.load()
    try:
        return _restore(path, wanted, config)
    except ModelLoadError as error:
        packages = " and ".join(op_libraries.PACKAGES.values())
        raise ModelLoadError(f"{error} (Looked for it in {packages}, if installed.)", error.status) from error


def _restore(path: Path, tags: Sequence[str], config: Any) -> SavedModel:
    graph = tf.Graph()
    session = tf.compat.v1.Session(graph=graph, config=config)
    try:
        with graph.as_default():
            meta_graph = tf.compat.v1.saved_model.load(session, tags, str(path))
    except Exception as error:  # TensorFlow raises OSError, RuntimeError, ValueError, KeyError, OpError and DecodeError
        session.close()
        raise _load_error(path, tags, error) from error
    return SavedModel(session, meta_graph.signature_def, inter_op_threads=config.inter_op_parallelism_threads)


def _config(session_config: bytes) -> Any:
    config = tf.compat.v1.ConfigProto.FromString(session_config)
    if config.inter_op_parallelism_threads == 0:
        # What a session runs to load its model stays in the calling thread, and so keeps that one's priority.
        config.inter_op_parallelism_threads = -1
    return config


def _load_error(path: Path, tags: Sequence[str], error: Exception) -> ModelLoadError:
    """Return TensorFlow's Python errors as TensorFlow Serving words its own."""
    if isinstance(error, tf.errors.OpError):
        # the reader of checkpoints forgets the code of what it met
        status = "NOT_FOUND" if "No such file" in error.message else Code.Name(error.error_code)
        return ModelLoadError(error.message, status)
    if "not a valid checkpoint" in str(error):
        missing = path / "variables" / "variables"
        return ModelLoadError(
            "Unsuccessful TensorSliceReader constructor: Failed to find any matching files for " + str(missing),
            "NOT_FOUND",
        )
    if isinstance(error, OSError):
        return ModelLoadError(f"Can't parse {path}/saved_model.pb as binary proto", "DATA_LOSS")
    if isinstance(error, RuntimeError) and "associated with tags" in str(error):
        there = str(error).partition("available tags ")[2].partition(". To inspect")[0]
        return ModelLoadError(
            f"Could not find meta graph def matching supplied tags: {{ {' '.join(tags)} }} in {path}, "
            f"which has: {there}. To inspect available tag-sets in the SavedModel, please use the SavedModel CLI: "
            "`saved_model_cli`",
            "NOT_FOUND",
        )
    return ModelLoadError(f"{path} cannot be loaded: {error}")

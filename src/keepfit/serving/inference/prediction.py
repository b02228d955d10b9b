"""Predict: a signature run on one request's tensors. REST and gRPC are thin forms around this and its neighbours.

Those are classification.py, regression.py and multi_inference.py. All of them know models, signatures and arrays; none
knows JSON, protobuf requests or status codes.
"""

from collections.abc import Awaitable, Mapping, Sequence

from keepfit.dtypes import MESSAGE_NAMES, NUMPY_DTYPES, Array, dtype_name
from keepfit.errors import FailedPreconditionError, InferenceError, InvalidRequestError
from keepfit.serving.models.servable import Servable
from keepfit.serving.requests.timing import Timing
from keepfit.signatures import DEFAULT_SIGNATURE, Signature

_METHODS = tuple(f"tensorflow/serving/{name}" for name in ("predict", "classify", "regress"))


def signature_of(servable: Servable, name: str) -> Signature:
    """Return a signature of a loaded version, the default one for an empty name; raises FailedPreconditionError."""
    signature = servable.contents.signatures.get(name or DEFAULT_SIGNATURE)
    if signature is None:
        raise FailedPreconditionError(f'Serving signature key "{name or DEFAULT_SIGNATURE}" not found.')
    return signature


def check_method(signature: Signature) -> None:
    """Raise InferenceError unless a signature declares one of the methods that TensorFlow Serving has."""
    if signature.method_name not in _METHODS:
        raise InferenceError(
            f"Expected prediction signature method_name to be one of {{{', '.join(_METHODS)}}}. "
            f"Was: {signature.method_name}"
        )


def predict(
    servable: Servable,
    signature: Signature,
    inputs: Mapping[str, Array],
    timing: Timing,
    output_filter: Sequence[str] = (),
) -> Awaitable[dict[str, Array]]:
    """Begin to run a signature on one request's inputs; it and what it returns raise any ServingError."""
    if inputs.keys() != signature.inputs.keys():
        _check_names(signature, inputs)
    for name, array in inputs.items():
        if array.dtype != NUMPY_DTYPES.get(signature.inputs[name].dtype):
            _refuse_dtype(signature, name, array)
    if len(inputs) > 1:  # in one order always, as the names of the outputs are: each other one is optimised anew
        inputs = {name: inputs[name] for name in signature.inputs if name in inputs}
    outputs = _outputs(signature, output_filter)
    return servable.batcher.run(signature, inputs, outputs, timing)


def _check_names(signature: Signature, inputs: Mapping[str, Array]) -> None:
    given, known = sorted(inputs), sorted(signature.inputs)
    extra = sorted(inputs.keys() - signature.inputs.keys())
    missing = sorted(signature.inputs.keys() - inputs.keys())
    if len(given) > len(known) or (len(given) < len(known) and not signature.defaults):
        raise InvalidRequestError(
            f"input size does not match signature: {len(given)}!={len(known)} "
            f"len({{{','.join(given)}}}) != len({{{','.join(known)}}}). "
            f"Sent extra: {{{','.join(extra)}}}. Missing but required: {{{','.join(missing)}}}."
        )
    for name in missing:
        if name not in signature.defaults:
            raise InvalidRequestError(
                f"Signature input alias: {name}(feed name: {signature.inputs[name].tensor_name}) not found in request "
                f"and no default value provided. Inputs expected to be in the request {{{','.join(given)}}}, "
                f"or default input alias set: {','.join(sorted(signature.defaults))}"
            )
    if extra:
        used = sorted(inputs.keys() & signature.inputs.keys())
        raise InvalidRequestError(
            f"Inputs contains invalid name. Used request inputs: {','.join(used)}, request input: {','.join(given)}"
        )


def _refuse_dtype(signature: Signature, name: str, array: Array) -> None:
    number = sorted(spec.tensor_name for spec in signature.inputs.values()).index(signature.inputs[name].tensor_name)
    takes = signature.inputs[name].dtype
    raise InvalidRequestError(
        f"Expects arg[{number}] to be {MESSAGE_NAMES.get(takes, takes)} but {MESSAGE_NAMES[dtype_name(array)]} "
        f"is provided, for the input {name!r}"
    )


def _outputs(signature: Signature, output_filter: Sequence[str]) -> tuple[str, ...]:
    if not output_filter:
        return tuple(signature.outputs)
    seen: set[str] = set()
    for name in output_filter:
        if name not in signature.outputs:
            raise InvalidRequestError(
                f"output tensor alias not found in signature: {name} "
                f"Outputs expected to be in the set {{{','.join(sorted(signature.outputs))}}}."
            )
        if name in seen:
            raise InvalidRequestError(f"duplicate output tensor alias: {name}")
        seen.add(name)
    return tuple(name for name in signature.outputs if name in seen)

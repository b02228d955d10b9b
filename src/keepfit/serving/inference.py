"""The calls that the server answers, free of any transport: REST and gRPC are thin forms around this.

Knows models, signatures and arrays; knows no JSON, protobuf requests or status codes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from keepfit.dtypes import NUMPY_DTYPES, Array, dtype_name
from keepfit.errors import InvalidRequestError
from keepfit.serving.servable import Servable
from keepfit.signatures import Signature, describe, fits

DEFAULT_SIGNATURE = "serving_default"


@dataclass(frozen=True, slots=True)
class Prediction:
    """The outputs of a request, by name, and the version that made them."""

    outputs: Mapping[str, Array]
    version: int


def signature_of(servable: Servable, name: str) -> Signature:
    """Return a signature of a loaded version, the default one for an empty name; raises InvalidRequestError."""
    signature = servable.contents.signatures.get(name or DEFAULT_SIGNATURE)
    if signature is None:
        raise InvalidRequestError(f'Serving signature name: "{name or DEFAULT_SIGNATURE}" not found in signature def')
    return signature


async def predict(
    servable: Servable,
    signature: Signature,
    inputs: Mapping[str, Array],
    timeout_s: float,
    output_filter: Sequence[str] = (),
) -> Prediction:
    """Run a signature on one request's inputs; raises any ServingError."""
    _check_inputs(signature, inputs)
    outputs = _outputs(signature, output_filter)
    answer = await servable.batcher.run(signature, inputs, outputs, timeout_s)
    return Prediction(outputs=answer, version=servable.version)


def _check_inputs(signature: Signature, inputs: Mapping[str, Array]) -> None:
    if inputs.keys() != signature.inputs.keys():
        _refuse_names(signature, inputs)
    for name, array in inputs.items():
        spec = signature.inputs[name]
        if array.dtype != NUMPY_DTYPES.get(spec.dtype):
            raise InvalidRequestError(f"Input {name!r} takes {spec.dtype}, but got {dtype_name(array)}")
        if not fits(spec.shape, array.shape):
            raise InvalidRequestError(
                f"Input {name!r} takes shape {describe(spec.shape)}, but got {describe(array.shape)}"
            )


def _refuse_names(signature: Signature, inputs: Mapping[str, Array]) -> None:
    given, known = sorted(inputs), sorted(signature.inputs)
    extra = sorted(inputs.keys() - signature.inputs.keys())
    missing = sorted(signature.inputs.keys() - inputs.keys())
    if not extra and signature.defaults.issuperset(missing):
        return
    raise InvalidRequestError(
        f"input size does not match signature: {len(given)}!={len(known)} "
        f"len({{{','.join(given)}}}) != len({{{','.join(known)}}}). "
        f"Sent extra: {{{','.join(extra)}}}. Missing but required: {{{','.join(missing)}}}."
    )


def _outputs(signature: Signature, output_filter: Sequence[str]) -> tuple[str, ...]:
    if not output_filter:
        return tuple(signature.outputs)
    for name in output_filter:
        if name not in signature.outputs:
            raise InvalidRequestError(
                f"output tensor alias not found in signature: {name} "
                f"Outputs expected to be in the set {{{','.join(sorted(signature.outputs))}}}."
            )
    if len(set(output_filter)) < len(output_filter):
        twice = next(name for name in output_filter if list(output_filter).count(name) > 1)
        raise InvalidRequestError(f"duplicate output tensor alias: {twice}")
    return tuple(output_filter)

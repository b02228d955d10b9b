"""Regress: tf.Examples in, a number for each out. Rules and texts are those of TensorFlow Serving's regressor.cc.

Knows no JSON, protobuf requests or status codes.
"""

from collections.abc import Mapping

from keepfit.dtypes import Array, dtype_name
from keepfit.errors import InvalidRequestError
from keepfit.serving.inference.examples import INPUTS, find_signature, run, show
from keepfit.serving.models.servable import Contents, Servable
from keepfit.serving.requests.timing import Timing
from keepfit.signatures import ENUM_NAMES, Signature, describe

METHOD = "tensorflow/serving/regress"
OUTPUTS = "outputs"


async def regress(
    servable: Servable, signature_name: str, examples: Array, timing: Timing, *, check_method: bool
) -> Array:
    """Return one float32 for each serialized tf.Example; raises any ServingError.

    check_method: the signature must have a regressor's method name, which exports of TF2 never have.
    """
    signature = find_signature(servable.contents, signature_name)
    outputs = outputs_of(servable.contents, signature, check_method=check_method)
    return from_outputs(await run(servable, signature, examples, outputs, timing), len(examples))


def outputs_of(contents: Contents, signature: Signature, *, check_method: bool) -> list[str]:
    """Return the name of a regressor's output; InvalidRequestError if the signature is not one."""
    if check_method and signature.method_name != METHOD:
        raise InvalidRequestError(
            f"Expected regression signature method_name to be {METHOD}. Was: {signature.method_name}"
        )
    if len(signature.inputs) != 1:
        raise InvalidRequestError("Expected one input Tensor.")
    if len(signature.outputs) != 1:
        raise InvalidRequestError("Expected one output Tensor.")
    if INPUTS not in signature.inputs:
        raise InvalidRequestError(f"No regression inputs found in SignatureDef: {show(contents, signature)}")
    if OUTPUTS not in signature.outputs:
        raise InvalidRequestError(f"No regression outputs found in SignatureDef: {show(contents, signature)}")
    return [OUTPUTS]


def from_outputs(outputs: Mapping[str, Array], examples: int) -> Array:
    """Return what a model gave as one number for each example; InvalidRequestError if it is not that."""
    values = outputs[OUTPUTS]
    if values.ndim != 1 and (values.ndim != 2 or values.shape[1] != 1):
        raise InvalidRequestError(
            "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] "
            f"but got {describe(values.shape)}"
        )
    if len(values) != examples:
        raise InvalidRequestError(f"Input batch size did not match output batch size: {examples} vs. {len(values)}")
    if dtype_name(values) != "float32":
        raise InvalidRequestError(f"Expected output Tensor of DT_FLOAT.  Got: {ENUM_NAMES[dtype_name(values)]}")
    return values.reshape(-1)

"""What classify, regress and multi-inference have in common: tf.Examples as the only input of a signature.

Knows no JSON, gRPC or status codes.
"""

from collections.abc import Mapping, Sequence

from keepfit.dtypes import Array
from keepfit.errors import InvalidRequestError
from keepfit.serving.inference.prediction import predict
from keepfit.serving.models.servable import Contents, Servable
from keepfit.serving.requests.timing import Timing
from keepfit.signatures import DEFAULT_SIGNATURE, Signature

INPUTS = "inputs"
"""The name that the input must have."""


def find_signature(contents: Contents, name: str) -> Signature:
    """Return a signature, the default one for an empty name; raises InvalidRequestError."""
    signature = contents.signatures.get(name or DEFAULT_SIGNATURE)
    if signature is None:
        raise InvalidRequestError(f"No signature was found with the name: {name or DEFAULT_SIGNATURE}")
    return signature


async def run(
    servable: Servable, signature: Signature, examples: Array, outputs: Sequence[str], timing: Timing
) -> Mapping[str, Array]:
    """Return the outputs for serialized tf.Examples; raises any ServingError."""
    if not len(examples):
        raise InvalidRequestError("Input is empty.")
    return await predict(servable, signature, {INPUTS: examples}, timing, outputs)


def show(contents: Contents, signature: Signature) -> str:
    """Return a signature as TensorFlow Serving prints it in its messages: protobuf text."""
    return str(contents.signature_map.signature_def[signature.name])

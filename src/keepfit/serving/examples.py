"""What classify, regress and multi-inference have in common: tf.Examples as the only input of a signature.

Knows no JSON, gRPC or status codes.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from keepfit.dtypes import Array
from keepfit.errors import InvalidRequestError
from keepfit.serving.inference import DEFAULT_SIGNATURE, predict
from keepfit.serving.servable import Contents, Servable
from keepfit.serving.timing import Timing
from keepfit.signatures import Signature

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


def from_input(message: Any) -> Array:
    """Return the serialized tf.Examples of a tensorflow.serving.Input, in either of its forms."""
    if message.WhichOneof("kind") == "example_list_with_context":
        listed = message.example_list_with_context
        return from_examples(listed.examples, listed.context)
    return from_examples(message.example_list.examples)


def from_examples(examples: Sequence[Any], context: Any = None) -> Array:
    """Return tf.Examples serialized, with the features of the context in each.

    One message behind the other is what protobuf calls merging them, and what TensorFlow Serving does.
    """
    before = b"" if context is None else context.SerializeToString()
    serialized = np.empty(len(examples), dtype=object)
    serialized[:] = [before + example.SerializeToString() for example in examples]
    return serialized

"""The tf.Examples of a request, serialized as a model takes them. Knows their messages, and no signatures."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from keepfit.dtypes import Array


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

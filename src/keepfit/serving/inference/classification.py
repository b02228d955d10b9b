"""Classify: tf.Examples in, labels and scores out. Rules and texts are those of TensorFlow Serving's classifier.cc.

Knows no JSON, protobuf requests or status codes.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import repeat

from keepfit.dtypes import STRING, Array, dtype_name
from keepfit.errors import InvalidRequestError
from keepfit.serving.inference.examples import INPUTS, find_signature, run, show
from keepfit.serving.models.servable import Contents, Servable
from keepfit.serving.requests.timing import Timing
from keepfit.signatures import ENUM_NAMES, Signature, describe

METHOD = "tensorflow/serving/classify"
CLASSES = "classes"
SCORES = "scores"


@dataclass(frozen=True, slots=True)
class Classification:
    """Labels and scores, each of shape [examples, classes]; a model gives both, or one of them."""

    labels: Array | None
    scores: Array | None

    def rows(self) -> Iterator[list[tuple[bytes, float]]]:
        """Yield label and score of each class for one example after the other: "" and 0 where there are none."""
        given = self.scores if self.labels is None else self.labels
        for number in range(0 if given is None else len(given)):
            labels = repeat(b"") if self.labels is None else self.labels[number].tolist()
            scores = repeat(0.0) if self.scores is None else self.scores[number].tolist()
            yield list(zip(labels, scores, strict=False))


async def classify(
    servable: Servable, signature_name: str, examples: Array, timing: Timing, *, check_method: bool
) -> Classification:
    """Classify serialized tf.Examples; raises any ServingError.

    check_method: the signature must have a classifier's method name, which exports of TF2 never have.
    """
    signature = find_signature(servable.contents, signature_name)
    outputs = outputs_of(servable.contents, signature, check_method=check_method)
    return from_outputs(await run(servable, signature, examples, outputs, timing), len(examples))


def outputs_of(contents: Contents, signature: Signature, *, check_method: bool) -> list[str]:
    """Return which of a classifier's outputs a signature has; InvalidRequestError if it cannot classify."""
    if check_method and signature.method_name != METHOD:
        raise InvalidRequestError(
            f"Expected classification signature method_name to be {METHOD}. Was: {signature.method_name}"
        )
    if len(signature.inputs) != 1:
        raise InvalidRequestError("Expected one input Tensor.")
    if len(signature.outputs) not in (1, 2):
        raise InvalidRequestError(f"Expected one or two output Tensors, found {len(signature.outputs)}")
    if INPUTS not in signature.inputs:
        raise InvalidRequestError(f"No classification inputs found in SignatureDef: {show(contents, signature)}")
    outputs = [name for name in (CLASSES, SCORES) if name in signature.outputs]
    if not outputs:
        raise InvalidRequestError(
            f'Expected classification signature outputs to contain at least one of "{CLASSES}" or "{SCORES}". '
            f"Signature was: {show(contents, signature)}"
        )
    return outputs


def from_outputs(outputs: Mapping[str, Array], examples: int) -> Classification:
    """Return what a model gave as labels and scores; InvalidRequestError if it is not that."""
    labels, scores = outputs.get(CLASSES), outputs.get(SCORES)
    if labels is not None:
        _check(labels, CLASSES, STRING, examples)
    if scores is not None:
        _check(scores, SCORES, "float32", examples)
    if labels is not None and scores is not None and labels.shape[1] != scores.shape[1]:
        raise InvalidRequestError(
            f"Tensors class and score should match in dim_size(1). Got {labels.shape[1]} vs. {scores.shape[1]}"
        )
    return Classification(labels, scores)


def _check(array: Array, name: str, dtype: str, examples: int) -> None:
    if array.ndim != 2:
        raise InvalidRequestError(f"Expected Tensor shape: [batch_size num_classes] but got {describe(array.shape)}")
    if dtype_name(array) != dtype:
        expected, got = ENUM_NAMES[dtype], ENUM_NAMES[dtype_name(array)]
        raise InvalidRequestError(f"Expected {name} Tensor of {expected}. Got: {got}")
    if len(array) != examples:
        raise InvalidRequestError(f"Expected {name} output batch size of {examples}. Got: {len(array)}")

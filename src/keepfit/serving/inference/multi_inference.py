"""Multi-inference: several classifiers and regressors of one model, run at once on the same tf.Examples.

The rules and texts are those of TensorFlow Serving's multi_inference.cc. Knows no protobuf requests or status codes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from keepfit.dtypes import Array
from keepfit.errors import InvalidRequestError, UnimplementedError
from keepfit.serving.inference import classification, regression
from keepfit.serving.inference.classification import Classification
from keepfit.serving.inference.examples import INPUTS, run
from keepfit.serving.models.servable import Contents, Servable
from keepfit.serving.requests.timing import Timing
from keepfit.signatures import DEFAULT_SIGNATURE, Signature, unite, united_output

Result: TypeAlias = Classification | Array
"""What a task gives: a classification, or one float32 for each example."""


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be done with the examples: a method by its name, with a signature of a model."""

    model: str
    signature_name: str
    method_name: str


@dataclass(frozen=True, slots=True)
class _Call:
    """A task whose signature was found fit for it."""

    task: Task
    signature: Signature
    outputs: Sequence[str]


async def infer(
    servable: Servable, tasks: Sequence[Task], examples: Array, timing: Timing, *, check_method: bool
) -> list[Result]:
    """Return the result of each task, from one run of the model; raises any ServingError."""
    calls = _check(servable.contents, tasks, check_method=check_method)
    united = unite([call.signature for call in calls])
    wanted = [united_output(call.signature, name) for call in calls for name in call.outputs]
    outputs = await run(servable, united, examples, wanted, timing)
    results: list[Result] = []
    for call in calls:
        its_own = {name: outputs[united_output(call.signature, name)] for name in call.outputs}
        if call.task.method_name == classification.METHOD:
            results.append(classification.from_outputs(its_own, len(examples)))
        else:
            results.append(regression.from_outputs(its_own, len(examples)))
    return results


def _check(contents: Contents, tasks: Sequence[Task], *, check_method: bool) -> list[_Call]:
    calls: list[_Call] = []
    for task in tasks:
        if not task.model:
            raise InvalidRequestError("Found ModelSpec with an empty model name.")
        if task.model != tasks[0].model:
            raise InvalidRequestError("All ModelSpecs in a MultiInferenceRequest must access the same model name.")
        name = task.signature_name or DEFAULT_SIGNATURE
        if any(call.signature.name == name for call in calls):
            raise InvalidRequestError(f"Duplicate evaluation of signature: {name}")
        signature = contents.signatures.get(name)
        if signature is None:
            raise InvalidRequestError(f"Requested signature not found in model graph: {name}")
        call = _Call(task, signature, _outputs(contents, signature, task, check_method=check_method))
        if calls and _fed(calls[0]) != _fed(call):
            raise InvalidRequestError("Input tensor must be the same for all Signatures.")
        calls.append(call)
    return calls


def _outputs(contents: Contents, signature: Signature, task: Task, *, check_method: bool) -> list[str]:
    if task.method_name == classification.METHOD:
        return classification.outputs_of(contents, signature, check_method=check_method)
    if task.method_name == regression.METHOD:
        return regression.outputs_of(contents, signature, check_method=check_method)
    raise UnimplementedError(f"Unsupported signature method_name: {task.method_name}")


def _fed(call: _Call) -> str:
    return call.signature.inputs[INPUTS].tensor_name

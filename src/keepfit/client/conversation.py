"""What a client and a server say to one another, call by call. Sends nothing itself.

A Flow yields requests, is sent their answers (or has their errors thrown into it), and returns the call's result; so
the same flow serves the sync and the async client, over either wire.
"""

import time
from collections.abc import Generator, Mapping, Sequence
from typing import TypeAlias, TypeVar

import numpy as np

from keepfit.client.inputs import Inputs, bind
from keepfit.client.values import ClassScore, Metadata, Prediction, Request, Target, VersionStatus
from keepfit.client.wire import Example, ExampleCall, Wire
from keepfit.dtypes import Array
from keepfit.errors import InvalidRequestError, ModelNotFoundError, UnavailableError, UnreachableError
from keepfit.signatures import DEFAULT_SIGNATURE, Signature

T = TypeVar("T")
Flow: TypeAlias = Generator[Request, bytes, T]

_METADATA_AGE_S = 60.0
"""How long metadata count as those of "whatever version is served now". A version's own never change."""


class Conversation:
    """The calls to one server. Remembers signatures; threads may share it, as each entry is replaced as a whole."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._known: dict[Target, tuple[Metadata, float]] = {}

    def predict(self, target: Target, inputs: Inputs, signature: str, outputs: Sequence[str]) -> Flow[Prediction]:
        """Predict by remembered signatures; if the server finds that they do not fit, by fresh ones."""
        if isinstance(outputs, str):
            raise InvalidRequestError(f"outputs is the text {outputs!r}: expected a list of names")
        metadata, is_fresh = yield from self._remembered(target)
        while True:
            try:
                its = _signature(metadata, signature)
                answer = yield self._wire.predict(target, its, bind(inputs, its), outputs)
                break
            except InvalidRequestError:
                newest = metadata if is_fresh else (yield from self._ask_metadata(target))
                if newest.signatures == metadata.signatures:
                    raise
                metadata, is_fresh = newest, True
        prediction = self._wire.read_prediction(answer, its, outputs)
        if prediction.version is not None and prediction.version != metadata.version:
            self._known.pop(target, None)
        return prediction

    def forward(self, target: Target, body: bytes) -> Flow[bytes]:
        """Pass a body on, and its answer back."""
        return self._wire.read_forwarded((yield self._wire.forward(target, body)))

    def classify(
        self, target: Target, examples: Sequence[Example], context: Example | None, signature: str
    ) -> Flow[list[list[ClassScore]]]:
        """Classify examples."""
        return self._wire.read_classes((yield self._examples("classify", target, examples, context, signature)))

    def regress(
        self, target: Target, examples: Sequence[Example], context: Example | None, signature: str
    ) -> Flow[Array]:
        """Regress examples."""
        answer = yield self._examples("regress", target, examples, context, signature)
        return np.array(self._wire.read_regressions(answer), np.float32)

    def metadata(self, target: Target) -> Flow[Metadata]:
        """Ask for the signatures as they are now."""
        return (yield from self._ask_metadata(target))

    def status(self, target: Target) -> Flow[tuple[VersionStatus, ...]]:
        """Ask for the states, the highest version first."""
        found = self._wire.read_status((yield self._wire.status(target)))
        return tuple(sorted(found, key=lambda status: status.version, reverse=True))

    def ready(self, target: Target) -> Flow[bool]:
        """Ask whether a version is available; a server that is not there, or has no such model, is not ready."""
        try:
            return any(status.is_available for status in (yield from self.status(target)))
        except (UnreachableError, UnavailableError, ModelNotFoundError):
            return False

    def _examples(
        self, call: ExampleCall, target: Target, examples: Sequence[Example], context: Example | None, signature: str
    ) -> Request:
        if isinstance(examples, Mapping):
            raise InvalidRequestError("One example is given: expected a list of examples, each a dict by feature")
        return self._wire.ask_examples(call, target, signature, examples, context)

    def _remembered(self, target: Target) -> Flow[tuple[Metadata, bool]]:
        """The target's metadata, and whether they were asked for just now."""
        found = self._known.get(target)
        if found is not None and (target.version is not None or time.monotonic() - found[1] < _METADATA_AGE_S):
            return found[0], False
        return (yield from self._ask_metadata(target)), True

    def _ask_metadata(self, target: Target) -> Flow[Metadata]:
        metadata = self._wire.read_metadata((yield self._wire.metadata(target)))
        self._known[target] = (metadata, time.monotonic())
        return metadata


def _signature(metadata: Metadata, name: str) -> Signature:
    found = metadata.signatures.get(name or DEFAULT_SIGNATURE)
    if found is None:
        listed = ", ".join(metadata.signatures) or "none"
        raise InvalidRequestError(
            f"The model has no signature {name or DEFAULT_SIGNATURE!r}: version {metadata.version} has {listed}"
        )
    return found

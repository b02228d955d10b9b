"""What the two forms of the API have in common: calls become requests, and answers become values. All of it is pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol, TypeAlias

from keepfit.client.values import ClassScore, Metadata, Prediction, Request, Target, VersionStatus
from keepfit.dtypes import Array
from keepfit.signatures import Signature

Example: TypeAlias = Mapping[str, Any]
"""A tf.Example: numbers, text, bytes, or sequences of one of them, by feature."""

ExampleCall = Literal["classify", "regress"]


class Wire(Protocol):
    """REST's JSON or gRPC's messages. What cannot be read raises StrangerError: no model server answers there."""

    def predict(
        self, target: Target, signature: Signature, inputs: Mapping[str, Array], outputs: Sequence[str]
    ) -> Request:
        """Ask for the outputs, or for all if none is named."""

    def read_prediction(self, answer: bytes, signature: Signature, outputs: Sequence[str]) -> Prediction:
        """Read the answer to predict()."""

    def forward(self, target: Target, body: bytes) -> Request:
        """Pass on a request in JSON as it is; raises UnimplementedError where JSON is not spoken."""

    def read_forwarded(self, answer: bytes) -> bytes:
        """Return the answer to forward() as it is."""

    def ask_examples(
        self, call: ExampleCall, target: Target, signature: str, examples: Sequence[Example], context: Example | None
    ) -> Request:
        """Ask to classify or regress examples; the context holds features that all of them share."""

    def read_classes(self, answer: bytes) -> list[list[ClassScore]]:
        """Read the classes of each example."""

    def read_regressions(self, answer: bytes) -> list[float]:
        """Read the value of each example."""

    def metadata(self, target: Target) -> Request:
        """Ask for the signatures."""

    def read_metadata(self, answer: bytes) -> Metadata:
        """Read the answer to metadata()."""

    def status(self, target: Target) -> Request:
        """Ask for the states of versions."""

    def read_status(self, answer: bytes) -> list[VersionStatus]:
        """Read the answer to status()."""

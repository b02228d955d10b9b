"""TensorFlow Serving's REST API: calls as paths and JSON bodies, and their answers as values. Knows no sockets."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import numpy as np
from google.protobuf import json_format

from keepfit import protos
from keepfit.client import json_arrays
from keepfit.client.failures import Server
from keepfit.client.values import ClassScore, Metadata, Prediction, Request, Target, VersionStatus
from keepfit.client.wire import Example, ExampleCall
from keepfit.dtypes import Array
from keepfit.errors import InvalidRequestError
from keepfit.signatures import DEFAULT_SIGNATURE, Signature, signatures_of


class RestWire:
    """Writes and reads JSON. `prefix` is what stands before /v1 in the paths."""

    def __init__(self, server: Server, prefix: str = "") -> None:
        self._server = server
        self._prefix = prefix

    def predict(
        self, target: Target, signature: Signature, inputs: Mapping[str, Array], outputs: Sequence[str]
    ) -> Request:
        """Ask in the column form, which takes arrays as they are. It has no filter: read_prediction() chooses."""
        if unknown := [name for name in outputs if name not in signature.outputs]:
            raise InvalidRequestError(
                f"There is no output {unknown[0]!r}: signature {signature.name!r} has {', '.join(signature.outputs)}"
            )
        document = _signed(signature.name)
        document["inputs"] = {name: json_arrays.jsonable(name, array) for name, array in inputs.items()}
        return Request(f"{self._path(target)}:predict", json_arrays.dump(document))

    def read_prediction(self, answer: bytes, signature: Signature, outputs: Sequence[str]) -> Prediction:
        """Read the answer; dtypes come from the signature."""
        with self._reading("a prediction"):
            found = json_arrays.load(answer)["outputs"]
            names = list(signature.outputs)
            is_named = isinstance(found, dict) and not json_arrays.is_base64(found)
            by_name = found if is_named else {names[0] if len(names) == 1 else "output": found}
            return Prediction(
                {
                    name: json_arrays.to_array(value, _dtype_of(signature, name))
                    for name, value in by_name.items()
                    if not outputs or name in outputs
                }
            )

    def forward(self, target: Target, body: bytes) -> Request:
        """Pass on a predict request as it is."""
        return Request(f"{self._path(target)}:predict", body)

    def read_forwarded(self, answer: bytes) -> bytes:
        """Return the answer as it is, if it is an object at all."""
        if not answer.lstrip().startswith(b"{"):
            raise self._server.garbage("a prediction")
        return answer

    def ask_examples(
        self, call: ExampleCall, target: Target, signature: str, examples: Sequence[Example], context: Example | None
    ) -> Request:
        """Ask to classify or regress examples."""
        document = _signed(signature)
        if context is not None:
            document["context"] = _features(context)
        document["examples"] = [_features(example) for example in examples]
        return Request(f"{self._path(target)}:{call}", json_arrays.dump(document))

    def read_classes(self, answer: bytes) -> list[list[ClassScore]]:
        """Read [label, score] pairs for each example."""
        with self._reading("classes"):
            found = json_arrays.load(answer)["results"]
            return [[ClassScore(str(label), float(score)) for label, score in one] for one in found]

    def read_regressions(self, answer: bytes) -> list[float]:
        """Read a number for each example."""
        with self._reading("regressions"):
            return [float(value) for value in json_arrays.load(answer)["results"]]

    def metadata(self, target: Target) -> Request:
        """Ask for the signatures."""
        return Request(f"{self._path(target)}/metadata", None)

    def read_metadata(self, answer: bytes) -> Metadata:
        """Read the signatures: protobuf's JSON of a SignatureDefMap."""
        with self._reading("model metadata"):
            document = json_arrays.load(answer)
            signature_map = _signature_map(document["metadata"]["signature_def"])
            version = document.get("model_spec", {}).get("version")
            return Metadata(None if version is None else int(version), signatures_of(signature_map.signature_def))

    def status(self, target: Target) -> Request:
        """Ask for the states of versions."""
        return Request(self._path(target), None)

    def read_status(self, answer: bytes) -> list[VersionStatus]:
        """Read the state of each version."""
        with self._reading("a model status"):
            return [_version_status(entry) for entry in json_arrays.load(answer)["model_version_status"]]

    def _path(self, target: Target) -> str:
        path = f"{self._prefix}/v1/models/{quote(target.model, safe='')}"
        if target.version is not None:
            return f"{path}/versions/{target.version}"
        return path if target.label is None else f"{path}/labels/{quote(target.label, safe='')}"

    @contextmanager
    def _reading(self, what: str) -> Iterator[None]:
        try:
            yield
        except (KeyError, IndexError, TypeError, ValueError, AttributeError, json_format.ParseError) as error:
            raise self._server.garbage(what) from error


def _signature_map(document: Any) -> Any:
    if not isinstance(document, dict):
        raise TypeError("the signatures are no object")
    return json_format.ParseDict(document, protos.SignatureDefMap(), ignore_unknown_fields=True)


def _signed(signature: str) -> dict[str, Any]:
    return {} if signature in ("", DEFAULT_SIGNATURE) else {"signature_name": signature}


def _dtype_of(signature: Signature, name: str) -> str | None:
    spec = signature.outputs.get(name)
    return None if spec is None else spec.dtype


def _features(example: Example) -> dict[str, Any]:
    return {name: _feature(name, value) for name, value in example.items()}


def _feature(name: str, value: Any) -> Any:
    if isinstance(value, bytes):
        return json_arrays.as_base64(value)
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind not in "USO":
        return json_arrays.jsonable(name, np.asarray(value))
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_feature(name, item) for item in value]
    return value


def _version_status(entry: Any) -> VersionStatus:
    message = entry.get("status", {}).get("error_message", "")
    return VersionStatus(int(entry["version"]), entry["state"], str(message))

"""Large PredictRequest messages, without a copy of their tensors: those are lifted out before protobuf reads the rest.

Knows nothing of framing, models or calls.
"""

from contextlib import suppress
from typing import Any, Self

from keepfit import protos
from keepfit.dtypes import Array
from keepfit.protobuf_wire import MalformedError, Value, fields, tag, varint
from keepfit.tensor_proto import LIFTED, to_array

MIN_BYTES = 2**16
"""Below this, protobuf's copies cost less than looking for what to lift."""
_INPUTS = protos.PredictRequest.DESCRIPTOR.fields_by_name["inputs"].number
_KEY, _VALUE = 1, 2


class PredictRequest:
    """A message, but for the values of its large tensors, and those as views of what was received."""

    DESCRIPTOR = protos.PredictRequest.DESCRIPTOR

    def __init__(self, message: Any, lifted: dict[str, tuple[int, memoryview]]) -> None:
        self.message = message
        self._lifted = lifted

    @classmethod
    def FromString(cls, content: bytes | memoryview) -> Self:  # noqa: N802 - what protobuf calls it
        """Read a message; raises protobuf's DecodeError."""
        if len(content) >= MIN_BYTES:
            lifted: dict[str, tuple[int, memoryview]] = {}
            with suppress(MalformedError, UnicodeDecodeError):  # or written in an unusual way; protobuf knows
                return cls(protos.PredictRequest.FromString(_lift(memoryview(content), lifted)), lifted)
        return cls(protos.PredictRequest.FromString(content), {})

    @property
    def model_spec(self) -> Any:
        """Which model is asked."""
        return self.message.model_spec

    def inputs(self) -> dict[str, Array]:
        """Return the tensors; raises InvalidRequestError."""
        tensors = self.message.inputs
        return {name: to_array(name, tensors[name], self._lifted.get(name)) for name in tensors}


def _lift(content: memoryview, lifted: dict[str, tuple[int, memoryview]]) -> bytes:
    """Return a message without what is lifted out of it."""
    parts = []
    for number, value in fields(content):
        if number == _INPUTS and not isinstance(value, int):
            parts.append(_field(number, _lift_from_entry(value, lifted)))
        else:
            parts.append(_field(number, value))
    return b"".join(parts)


def _lift_from_entry(entry: memoryview, lifted: dict[str, tuple[int, memoryview]]) -> bytes:
    parts = dict(fields(entry))
    key, tensor = parts.get(_KEY, memoryview(b"")), parts.get(_VALUE)
    if isinstance(key, int) or not isinstance(tensor, memoryview):
        raise MalformedError("an entry of a map has other fields")
    name = bytes(key).decode()
    rest = b""
    for number, value in fields(tensor):
        if number not in LIFTED or isinstance(value, int):
            rest += _field(number, value)
        elif name in lifted or len(value) % LIFTED[number][1]:
            raise MalformedError("values in several places, or cut off")
        else:
            lifted[name] = number, value
    return _field(_KEY, key) + _field(_VALUE, rest)


def _field(number: int, value: Value | bytes) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return b"".join((tag(number), varint(len(value)), value))

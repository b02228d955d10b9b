"""PredictResponse messages, written straight from arrays: as objects they would cost more than all the rest of a call.

Knows nothing of models or framing.
"""

from collections.abc import Mapping
from functools import lru_cache

from keepfit import protos
from keepfit.dtypes import Array
from keepfit.protobuf_wire import tag, varint
from keepfit.tensor_proto import serialized

_OUTPUTS = tag(protos.PredictResponse.DESCRIPTOR.fields_by_name["outputs"].number)
_KEY, _VALUE = tag(1), tag(2)
"""Of an entry of a map."""


def write(
    model: str, version: int, signature_name: str, outputs: Mapping[str, Array], *, as_content: bool = False
) -> bytes:
    """Return the answer of a version: the tensors with typed values, or as_content with their memory as it is."""
    parts: list[bytes] = []
    for name, array in outputs.items():
        key = _key(name)
        tensor = serialized(array, as_content=as_content)
        size = varint(len(tensor))
        parts += (_OUTPUTS, varint(len(key) + 1 + len(size) + len(tensor)), key, _VALUE, size, tensor)
    parts.append(_specification(model, version, signature_name))
    return b"".join(parts)


@lru_cache(1024)
def _key(name: str) -> bytes:
    content = name.encode()
    return _KEY + varint(len(content)) + content


@lru_cache(1024)
def _specification(model: str, version: int, signature_name: str) -> bytes:
    specification = protos.ModelSpec(name=model, version={"value": version}, signature_name=signature_name)
    content: bytes = protos.PredictResponse(model_spec=specification).SerializeToString()
    return content

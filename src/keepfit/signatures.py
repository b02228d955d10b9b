"""What a SavedModel says of itself: its signatures, read from saved_model.pb.

Knows nothing of TensorFlow (which takes seconds to import), so that light processes can use it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keepfit import protos
from keepfit.errors import ModelLoadError

DEFAULT_SIGNATURE = "serving_default"
"""What is asked when a request names no signature."""
INIT_SIGNATURE = "__saved_model_init_op"
"""A bookkeeping entry of TF2's exports, not something to call."""

_DTYPE_NAMES = {
    "DT_FLOAT": "float32",
    "DT_DOUBLE": "float64",
    "DT_HALF": "float16",
    "DT_BFLOAT16": "bfloat16",
    "DT_BOOL": "bool",
    "DT_STRING": "string",
    "DT_INT8": "int8",
    "DT_INT16": "int16",
    "DT_INT32": "int32",
    "DT_INT64": "int64",
    "DT_UINT8": "uint8",
    "DT_UINT16": "uint16",
    "DT_UINT32": "uint32",
    "DT_UINT64": "uint64",
    "DT_COMPLEX64": "complex64",
    "DT_COMPLEX128": "complex128",
}
_REF_OFFSET = 100

DTYPE_NAMES: dict[int, str] = {
    protos.DataType.values_by_name[enum_name].number: name for enum_name, name in _DTYPE_NAMES.items()
}
"""TensorFlow's name of each dtype that can cross the wire, by its number in tensorflow.DataType."""

ENUM_NAMES: dict[str, str] = {name: enum_name for enum_name, name in _DTYPE_NAMES.items()}
"""What tensorflow.DataType calls each of them."""


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """An input or output: shape is None if even the rank is unknown, and its dimensions are None where they vary."""

    name: str
    tensor_name: str
    dtype: str
    shape: tuple[int | None, ...] | None


@dataclass(frozen=True, slots=True)
class Signature:
    """One function of a SavedModel: inputs and outputs by the names that clients use."""

    name: str
    method_name: str
    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]
    defaults: frozenset[str] = frozenset()
    """Inputs that may be left out."""


def read_signatures(path: Path, tags: Iterable[str] = ("serve",)) -> dict[str, Signature]:
    """Return the signatures of the SavedModel in a directory, by name; raises ModelLoadError."""
    return signatures_of(read_meta_graph(path, tags).signature_def)


def read_meta_graph(path: Path, tags: Iterable[str] = ("serve",)) -> Any:
    """Return the MetaGraphDef that has exactly these tags; raises ModelLoadError."""
    file = path / "saved_model.pb"
    try:
        saved_model = protos.SavedModel.FromString(file.read_bytes())
    except OSError as error:
        raise ModelLoadError(f"{file} cannot be read: {error.strerror}") from error
    except protos.DecodeError as error:
        raise ModelLoadError(f"{file} is not a SavedModel, or not all of it is there") from error
    wanted = set(tags)
    found = [set(meta_graph.meta_info_def.tags) for meta_graph in saved_model.meta_graphs]
    for meta_graph, its_tags in zip(saved_model.meta_graphs, found, strict=True):
        if its_tags == wanted:
            return meta_graph
    listed = "; ".join(sorted(" ".join(sorted(its_tags)) for its_tags in found)) or "none at all"
    raise ModelLoadError(f"{file} has no graph with the tags {' '.join(sorted(wanted))!r}; it has: {listed}")


def signatures_of(signature_defs: Mapping[str, Any]) -> dict[str, Signature]:
    """Return SignatureDef messages as values, without TF2's bookkeeping entry."""
    return {
        name: Signature(
            name=name,
            method_name=signature_def.method_name,
            inputs=_specs(signature_def.inputs),
            outputs=_specs(signature_def.outputs),
            defaults=frozenset(signature_def.defaults),
        )
        for name, signature_def in sorted(signature_defs.items())
        if name != INIT_SIGNATURE
    }


_UNITED = "\0"


def unite(signatures: Sequence[Signature]) -> Signature:
    """Return one signature that gives the outputs of several from the single input that they share.

    Its name tells united_names() which they are; its outputs are named by united_output().
    """
    return Signature(
        name=_UNITED + _UNITED.join(signature.name for signature in signatures),
        method_name="",
        inputs=signatures[0].inputs,
        outputs={
            united_output(signature, name): spec for signature in signatures for name, spec in signature.outputs.items()
        },
    )


def united_names(name: str) -> list[str]:
    """Return the names of the signatures that were united under a name; none if the name is not of that kind."""
    return name.split(_UNITED)[1:] if name.startswith(_UNITED) else []


def first_name(name: str) -> str:
    """Return the name of a signature, of the first one if several were united under it."""
    return united_names(name)[0] if name.startswith(_UNITED) else name


def united_output(signature: Signature, output: str) -> str:
    """Return the name of a signature's output after it was united with others."""
    return f"{signature.name}{_UNITED}{output}"


def fits(shape: tuple[int | None, ...] | None, actual: tuple[int, ...]) -> bool:
    """Tell whether a value of the actual shape may be given where this shape is declared."""
    if shape is None:
        return True
    return len(shape) == len(actual) and all(
        want is None or want == got for want, got in zip(shape, actual, strict=True)
    )


def describe(shape: tuple[int | None, ...] | None) -> str:
    """Return a shape as TensorFlow's messages print it: [?,2], or <unknown> if even the rank is."""
    return "<unknown>" if shape is None else f"[{','.join('?' if size is None else str(size) for size in shape)}]"


def _specs(infos: Mapping[str, Any]) -> dict[str, TensorSpec]:
    return {name: _spec(name, info) for name, info in sorted(infos.items())}


def _spec(name: str, info: Any) -> TensorSpec:
    number = info.dtype - _REF_OFFSET if info.dtype > _REF_OFFSET else info.dtype
    shape = info.tensor_shape
    return TensorSpec(
        name=name,
        tensor_name=info.name,
        dtype=DTYPE_NAMES.get(number) or protos.DataType.values_by_number[number].name,
        shape=None if shape.unknown_rank else tuple(None if dim.size < 0 else dim.size for dim in shape.dim),
    )

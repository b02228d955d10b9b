"""Which fields a model's own inputs make, by its signatures. Pure; knows no HTML and no HTTP."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from keepfit.errors import UnimplementedError
from keepfit.signatures import DEFAULT_SIGNATURE, Signature

Kind = Literal["number", "integer", "bool", "text", "row", "json"]

_FLOATS = {"float32", "float64", "float16", "bfloat16"}
_MAX_COLUMNS = 256
"""More columns than this are only taken as a row: nobody fills in so many fields."""
_LEAST_PICTURE = 64

INTEGER_RANGES: Mapping[str, tuple[int, int]] = {
    **{f"int{bits}": (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (8, 16, 32, 64)},
    **{f"uint{bits}": (0, 2**bits - 1) for bits in (8, 16, 32, 64)},
}


@dataclass(frozen=True, slots=True)
class Input:
    """A named input of the signature; shape is None if unknown, and a dimension is None where it varies."""

    name: str
    dtype: str
    shape: tuple[int | None, ...] | None

    @property
    def is_batched(self) -> bool:
        """Whether the first dimension counts the instances."""
        return self.shape is None or (len(self.shape) > 0 and self.shape[0] is None)

    @property
    def instance_shape(self) -> tuple[int | None, ...] | None:
        """The shape of what one instance gives."""
        return self.shape[1:] if self.shape is not None and self.is_batched else self.shape

    @property
    def is_float(self) -> bool:
        """Whether NaN can stand for a missing value."""
        return self.dtype in _FLOATS

    @property
    def element_kind(self) -> Kind:
        """How one element of the input is written."""
        if self.is_float:
            return "number"
        if self.dtype in INTEGER_RANGES:
            return "integer"
        if self.dtype == "bool":
            return "bool"
        return "text" if self.dtype == "string" else "json"

    @property
    def kind(self) -> Kind:
        """How one instance's value is written: one element, a row of numbers, or JSON."""
        shape = self.instance_shape
        if shape in ((), (1,)):
            return self.element_kind
        if shape is not None and len(shape) == 1 and self.element_kind in ("number", "integer"):
            return "row"
        return "json"

    @property
    def width(self) -> int | None:
        """How many numbers a row has; None if that varies, or if this is no row."""
        shape = self.instance_shape
        return shape[0] if shape is not None and len(shape) == 1 else None


@dataclass(frozen=True, slots=True)
class ModelForm:
    """What has to be filled in to call one signature of the model."""

    signature_name: str
    inputs: tuple[Input, ...]

    @property
    def is_batched(self) -> bool:
        """Whether the values are sent as instances; otherwise they are sent as they are, as inputs."""
        return all(its.is_batched for its in self.inputs)

    @property
    def row(self) -> Input | None:
        """The single (batch, features) input whose columns have no names of their own, if the model is like that."""
        if len(self.inputs) != 1 or not self.is_batched:
            return None
        only = self.inputs[0]
        is_vector = only.instance_shape is not None and len(only.instance_shape) == 1
        return only if is_vector and only.element_kind in ("number", "integer") else None

    @property
    def columns(self) -> tuple[str, ...]:
        """The names x1, x2, … for the columns of `row`; empty if there is none, or no telling how many."""
        width = self.row.width if self.row else None
        return tuple(f"x{number}" for number in range(1, width + 1)) if width else ()

    @property
    def shown_columns(self) -> tuple[str, ...]:
        """The columns that get a field each."""
        return self.columns if len(self.columns) <= _MAX_COLUMNS else ()

    @property
    def side(self) -> int | None:
        """The side of the square picture that a row probably is: 8 for 64 columns, 28 for 784; otherwise None."""
        count = len(self.columns)
        root = math.isqrt(count)
        return root if count >= _LEAST_PICTURE and root * root == count else None

    @property
    def empty_is_missing(self) -> bool:
        """Whether a field may be left empty: a table of several inputs has missing values."""
        return len(self.inputs) > 1


def read_form(signatures: Mapping[str, Signature]) -> ModelForm:
    """Return the form of serving_default, or of the first signature there is; raises UnimplementedError for none."""
    if not signatures:
        raise UnimplementedError("The model has no signature that could be called.")
    name = DEFAULT_SIGNATURE if DEFAULT_SIGNATURE in signatures else min(signatures)
    inputs = signatures[name].inputs
    if not inputs:
        raise UnimplementedError(f"The model's signature {name!r} takes no input, so there is nothing to fill in.")
    return ModelForm(name, tuple(Input(key, its.dtype, its.shape) for key, its in sorted(inputs.items())))

"""What a client asks for and what it is answered, as values. Knows no transport."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from numbers import Integral
from typing import Literal

from keepfit.dtypes import Array
from keepfit.errors import InvalidRequestError
from keepfit.signatures import Signature

State = Literal["UNKNOWN", "START", "LOADING", "AVAILABLE", "UNLOADING", "END"]


@dataclass(frozen=True, slots=True)
class Request:
    """One message to a server, in one transport's form: a REST path and JSON, or a gRPC method and its message."""

    path: str
    body: bytes | None
    """None asks by GET."""


@dataclass(frozen=True, slots=True)
class Target:
    """Which model is asked: by version, by label, or whatever version the server finds fit."""

    model: str
    version: int | None = None
    label: str | None = None

    def __post_init__(self) -> None:
        if self.version is not None and not (isinstance(self.version, Integral) and 0 <= self.version < 2**63):
            raise InvalidRequestError(f"version is {self.version!r}: expected a whole number from 0 on")
        if self.version is not None and self.label is not None:
            raise InvalidRequestError(
                f"Both version {self.version} and label {self.label!r} are given: expected one of them"
            )


@dataclass(frozen=True, slots=True, eq=False)
class Prediction(Mapping[str, Array]):
    """The outputs by name; `array` is the only one. `version` says who answered; REST does not tell it."""

    outputs: Mapping[str, Array]
    version: int | None = None

    def __getitem__(self, name: str) -> Array:
        return self.outputs[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.outputs)

    def __len__(self) -> int:
        return len(self.outputs)

    @property
    def array(self) -> Array:
        """The output of a signature that has just one; raises InvalidRequestError for others."""
        if len(self.outputs) != 1:
            raise InvalidRequestError(f"The signature has the outputs {', '.join(self.outputs)}: take one by its name")
        return next(iter(self.outputs.values()))


@dataclass(frozen=True, slots=True)
class ClassScore:
    """A class and its score; the label is empty if the model names no classes."""

    label: str
    score: float


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a version says of itself."""

    version: int | None
    signatures: Mapping[str, Signature] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VersionStatus:
    """A version as the server sees it; `message` says what went wrong, if something did."""

    version: int
    state: State
    message: str = ""

    @property
    def is_available(self) -> bool:
        """Whether it answers predictions."""
        return self.state == "AVAILABLE"

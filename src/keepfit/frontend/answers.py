"""What a prediction looks like to a person: bars, a number, a text, a picture. Pure; knows no HTML and no HTTP."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from keepfit.frontend.filling import Filled
from keepfit.frontend.inputs import ModelForm
from keepfit.frontend.pictures import Picture, pictures_of

_MAX_BARS = 12
_MAX_NUMBERS = 32
_MAX_JSON = 400
_MAX_RAW = 4_000
_MAX_INSTANCES = 20


@dataclass(frozen=True, slots=True)
class Bar:
    """A class and its probability, from 0 to 1."""

    label: str
    share: float
    is_top: bool

    @property
    def percent(self) -> str:
        """The probability as it is read: 82.4 %."""
        percent = self.share * 100
        if 0 < percent < 0.1:
            return "< 0.1 %"
        return "> 99.9 %" if 99.9 < percent < 100 else f"{percent:.1f} %"


@dataclass(frozen=True, slots=True)
class Block:
    """One output for one instance. `text` says it in words; `bars` are there for probabilities."""

    kind: Literal["classes", "probability", "number", "numbers", "text", "json"]
    text: str
    name: str = ""
    bars: tuple[Bar, ...] = ()
    hidden: int = 0
    """How many further values are not shown."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the page shows of an answer: the blocks of the first instances of `count`, and the JSON that was sent."""

    instances: tuple[tuple[Block, ...], ...]
    count: int
    pictures: tuple[Picture, ...]
    latency_ms: float
    asked: str
    answered: str


def show(form: ModelForm, filled: Filled, answered: bytes, latency_ms: float) -> Answer:
    """Return what the page shows; an answer that is no prediction is shown as the text that it is."""
    text = answered.decode("utf-8", "replace")
    instances, count = _read(text)
    return Answer(
        instances=instances,
        count=count,
        pictures=pictures_of(form, filled.request, len(instances)),
        latency_ms=latency_ms,
        asked=_cut(filled.body().decode(), _MAX_RAW),
        answered=_cut(text, _MAX_RAW),
    )


def _read(text: str) -> tuple[tuple[tuple[Block, ...], ...], int]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return ((Block("json", _cut(text, _MAX_JSON)),),), 1
    if not isinstance(found, dict) or not isinstance(found.get("predictions"), list):
        return (_blocks(found.get("outputs") if isinstance(found, dict) else found),), 1
    predictions = found["predictions"]
    as_share = all(_is_share(_scalar(value)) for value in predictions)
    return tuple(_blocks(value, as_share=as_share) for value in predictions[:_MAX_INSTANCES]), len(predictions)


def _blocks(value: Any, *, as_share: bool = True) -> tuple[Block, ...]:
    if isinstance(value, dict) and set(value) != {"b64"}:
        return tuple(_block(part, name, as_share=True) for name, part in sorted(value.items()))
    return (_block(value, "", as_share=as_share),)


def _block(value: Any, name: str, *, as_share: bool) -> Block:
    scalar = _scalar(value)
    if _is_number(scalar):
        if as_share and _is_share(scalar):
            return _probability(float(scalar), name)
        return Block("number", _written(scalar), name)
    if isinstance(scalar, str):
        return Block("text", scalar, name)
    if isinstance(value, list) and value and all(_is_number(part) for part in value):
        return _classes(value, name) if _is_distribution(value) else _numbers(value, name)
    return Block("json", _cut(json.dumps(value), _MAX_JSON), name)


def _probability(share: float, name: str) -> Block:
    top = int(share >= 0.5)
    bars = tuple(Bar(f"Class {label}", part, label == top) for label, part in ((1, share), (0, 1 - share)))
    return Block("probability", _written(share), name, bars)


def _classes(shares: Sequence[float], name: str) -> Block:
    top = max(range(len(shares)), key=lambda label: shares[label])
    shown = list(range(len(shares)))
    if len(shares) > _MAX_BARS:
        shown = sorted(shown, key=lambda label: -shares[label])[:_MAX_BARS]
    bars = tuple(Bar(f"Class {label}", float(shares[label]), label == top) for label in shown)
    return Block("classes", f"Class {top}", name, bars, len(shares) - len(shown))


def _numbers(values: Sequence[float], name: str) -> Block:
    text = "   ".join(_written(value) for value in values[:_MAX_NUMBERS])
    return Block("numbers", text, name, hidden=max(0, len(values) - _MAX_NUMBERS))


def _scalar(value: Any) -> Any:
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_share(value: Any) -> bool:
    return _is_number(value) and 0 <= value <= 1


def _is_distribution(values: Sequence[float]) -> bool:
    return all(_is_share(value) for value in values) and math.isclose(sum(values), 1, abs_tol=1e-3)


def _written(value: float) -> str:
    if isinstance(value, float) and math.isnan(value):
        return "not a number"
    return f"{value:.6g}".replace("-", "−") if isinstance(value, float) else str(value)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[:length] + " …"

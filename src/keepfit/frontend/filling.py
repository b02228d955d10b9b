"""Turns what a person filled in into the model's request. Pure; a mistake names field, value and expectation."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from keepfit.frontend.inputs import INTEGER_RANGES, Input, ModelForm
from keepfit.signatures import DEFAULT_SIGNATURE

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_INTEGER = re.compile(r"[+-]?\d{1,20}", re.ASCII)
_TRUE = {"true", "1", "yes", "on"}
_FALSE = {"false", "0", "no", "off"}
_SHOWN = 5

Values = Mapping[str, Sequence[str]]
"""The fields of an HTML form: a name can come more than once."""


@dataclass(frozen=True, slots=True)
class Filled:
    """A request for the model, or the mistakes by field; `mistakes` is empty if the request is whole."""

    request: dict[str, Any] = field(default_factory=dict)
    mistakes: Mapping[str, str] = field(default_factory=dict)

    @property
    def error(self) -> str:
        """All mistakes as one text; long lists are cut."""
        texts = list(self.mistakes.values())
        more = f" (and {len(texts) - _SHOWN} more)" if len(texts) > _SHOWN else ""
        return "; ".join(texts[:_SHOWN]) + more

    def body(self) -> bytes:
        """The request as JSON for TensorFlow Serving, which reads NaN."""
        return json.dumps(self.request, allow_nan=True).encode()


class _MistakeError(Exception):
    """Says what is wrong with one value; never leaves this module."""


def fill(form: ModelForm, values: Values, max_instances: int) -> Filled:
    """Make a request of the filled-in fields: x1 … xk or a whole row for a single vector input, otherwise by name."""
    if form.row is None:
        return _fill_named(form, values)
    if form.row.name in values and not (set(values) - {form.row.name}):
        return _fill_rows(form, form.row, values[form.row.name], max_instances)
    return _fill_columns(form, form.row, values)


def _fill_named(form: ModelForm, values: Values) -> Filled:
    read, mistakes = {}, _unknown(values, [its.name for its in form.inputs])
    for its in form.inputs:
        try:
            read[its.name] = _read_input(its, _only(its.name, values, _expected(its)), form)
        except _MistakeError as mistake:
            mistakes[its.name] = str(mistake)
    if mistakes:
        return Filled(mistakes=mistakes)
    instance = read if len(read) > 1 else next(iter(read.values()))
    return Filled(_request(form, [instance] if form.is_batched else instance))


def _fill_columns(form: ModelForm, row: Input, values: Values) -> Filled:
    expected = [*form.columns, row.name] if not form.columns else form.columns
    read, mistakes = [], _unknown(values, expected)
    for name in form.columns:
        try:
            read.append(_read_element(row, name, _only(name, values, _expected_element(row))))
        except _MistakeError as mistake:
            mistakes[name] = str(mistake)
    if not form.columns and not mistakes:
        mistakes[row.name] = f"{row.name} is missing: expected {_expected(row)}"
    return Filled(mistakes=mistakes) if mistakes else Filled(_request(form, [read]))


def _fill_rows(form: ModelForm, row: Input, texts: Sequence[str], max_instances: int) -> Filled:
    lines = [line for line in ",".join(texts).splitlines() if line.strip()]
    try:
        if not lines:
            raise _MistakeError(f"{row.name} is empty: expected {_expected(row)}")
        if len(lines) > max_instances:
            raise _MistakeError(f"{row.name} has {len(lines)} rows: expected at most {max_instances} at once")
        where = [f"{row.name}, line {number}" if len(lines) > 1 else row.name for number in range(1, len(lines) + 1)]
        rows = [_read_row(row, name, line) for name, line in zip(where, lines, strict=True)]
    except _MistakeError as mistake:
        return Filled(mistakes={row.name: str(mistake)})
    return Filled(_request(form, rows))


def _request(form: ModelForm, value: Any) -> dict[str, Any]:
    named = {} if form.signature_name == DEFAULT_SIGNATURE else {"signature_name": form.signature_name}
    return {**named, ("instances" if form.is_batched else "inputs"): value}


def _unknown(values: Values, expected: Sequence[str]) -> dict[str, str]:
    listed = ", ".join(expected) if len(expected) <= 12 else f"{', '.join(expected[:3])}, … {expected[-1]}"
    known = set(expected)
    return {
        name: f"{_shown(name)} is not an input of the model: expected {listed}" for name in values if name not in known
    }


def _only(name: str, values: Values, expected: str) -> str:
    found = values.get(name, ())
    if not found:
        raise _MistakeError(f"{name} is missing: expected {expected}")
    if len(found) > 1:
        raise _MistakeError(f"{name} is given {len(found)} times: expected one value")
    return found[0]


def _read_input(its: Input, text: str, form: ModelForm) -> Any:
    if its.kind == "json":
        return _read_json(its, text)
    if its.kind == "row":
        return _read_row(its, its.name, text)
    if form.empty_is_missing and its.is_float and not text.strip():
        value: Any = math.nan
    else:
        value = _read_element(its, its.name, text)
    return [value] if its.instance_shape == (1,) else value


def _read_row(its: Input, name: str, text: str) -> list[Any]:
    text = text.strip().strip("[]()").strip()
    cells = re.split(r"[,;\t]", text) if re.search(r"[,;\t]", text) else text.split()
    if its.width is not None and len(cells) != its.width:
        raise _MistakeError(f"{name} has {len(cells)} values, {_shown(text)}: expected {its.width}")
    return [_read_element(its, f"{name}, value {number}", cell) for number, cell in enumerate(cells, 1)]


def _read_element(its: Input, name: str, text: str) -> Any:
    if its.element_kind == "text":
        return text
    stripped = text.strip()
    value = _parse(its, stripped)
    if value is None:
        found = f"is {_shown(stripped)}" if stripped else "is empty"
        raise _MistakeError(f"{name} {found}: expected {_expected_element(its)}")
    return value


def _parse(its: Input, text: str) -> Any:
    """Return the value, or None if the text is none of this kind."""
    if its.is_float:
        if text.lower() == "nan":
            return math.nan
        value = float(text) if _NUMBER.fullmatch(text) else math.inf
        return value if math.isfinite(value) else None
    if its.element_kind == "bool":
        return True if text.lower() in _TRUE else False if text.lower() in _FALSE else None
    low, high = INTEGER_RANGES[its.dtype]
    whole = int(text) if _INTEGER.fullmatch(text) else None
    return whole if whole is not None and low <= whole <= high else None


def _read_json(its: Input, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _MistakeError(f"{its.name} is {_shown(text)}: expected {_expected(its)}") from error


def _expected(its: Input) -> str:
    if its.kind == "row":
        return f"{its.width or 'some'} numbers, such as {', '.join(['1.5', '2.3', '0.7'][: its.width or 3])}"
    if its.kind == "json":
        return f"JSON of shape {list(its.instance_shape)}" if its.instance_shape is not None else "JSON"
    return _expected_element(its)


def _expected_element(its: Input) -> str:
    if its.element_kind == "integer":
        low, high = INTEGER_RANGES[its.dtype]
        return f"a whole number from {low} to {high}"
    return {"number": "a number, such as 1.5, or nan", "bool": "true or false"}.get(its.element_kind, "text")


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "…")

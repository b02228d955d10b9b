"""An example of a request that fits a model, for the page to show to programmers. Pure."""

import json
import shlex
from typing import Any

from keepfit.frontend.inputs import Input, ModelForm
from keepfit.signatures import DEFAULT_SIGNATURE

_NUMBERS = (1.5, 2.3, 0.7, 3.1)
_MAX_WIDTH = 32
_MAX_FIELDS = 8


def example_calls(form: ModelForm, url: str) -> tuple[str, ...]:
    """Return commands that ask the model at this /predict; none if an example would be too long to read."""
    values = [_value(its) for its in form.inputs]
    if any(value is None for value in values) or not form.is_batched:
        return ()
    instance = (
        values[0] if len(values) == 1 else {its.name: value for its, value in zip(form.inputs, values, strict=True)}
    )
    named = {} if form.signature_name == DEFAULT_SIGNATURE else {"signature_name": form.signature_name}
    body = json.dumps({**named, "instances": [instance]}, ensure_ascii=False)
    as_json = f"curl {shlex.quote(url)} \\\n  -H 'Content-Type: application/json' \\\n  -d {shlex.quote(body)}"
    fields = _fields(form, values)
    return (as_json,) if not fields else (f"curl {shlex.quote(url)} {fields}", as_json)


def _fields(form: ModelForm, values: list[Any]) -> str:
    if form.row is not None:
        named = dict(zip(form.columns, values[0], strict=False))
    else:
        named = {its.name: value for its, value in zip(form.inputs, values, strict=True)}
    if len(named) > _MAX_FIELDS or not named or any(isinstance(value, list) for value in named.values()):
        return ""
    if form.row is not None:
        return f"-d {shlex.quote('&'.join(f'{name}={value}' for name, value in named.items()))}"
    texts = [f"{name}={json.dumps(value) if isinstance(value, bool) else value}" for name, value in named.items()]
    return " ".join(f"\\\n  --data-urlencode {shlex.quote(text)}" for text in texts)


def _value(its: Input) -> Any:
    kinds: dict[str, Any] = {"number": 1.5, "integer": 1, "bool": True, "text": "text"}
    if its.kind == "row":
        width = its.width or len(_NUMBERS)
        if width > _MAX_WIDTH:
            return None
        numbers = [_NUMBERS[index % len(_NUMBERS)] for index in range(width)]
        return numbers if its.is_float else [round(number) for number in numbers]
    value = kinds.get(its.kind)
    return value if its.instance_shape == () or value is None else [value]

"""How a program asks the version for predictions: commands with the model's real input names. Pure."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from keepfit.data.schema import Column, Schema
from keepfit.pipeline.report.wording import count

_MOST_VALUES = 64
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # shown, not bound


@dataclass(frozen=True)
class Call:
    """A command, what its body needs that is too long to show, and what the answer means."""

    command: str
    body_note: str
    meaning: str


def call_of(metrics: Mapping[str, Any], schema: Schema) -> Call:
    """A REST request to the configured model server, filled with an ordinary row's values."""
    serving = metrics["config"]["serving"]
    host = _EVERYWHERE.get(serving["host"], serving["host"])
    host = f"[{host}]" if ":" in host else host
    url = f"http://{host}:{serving['rest_port']}/v1/models/{metrics['model_name']}:predict"
    note = ""
    if len(schema.columns) <= _MOST_VALUES:
        body = shlex.quote(json.dumps({"instances": [_instance(metrics, schema)]}, ensure_ascii=False))
    else:
        body = "@rows.json"
        note = _wide_note(schema)
    return Call(f"curl {shlex.quote(url)} \\\n  -d {body}", note, _meaning(schema))


def _instance(metrics: Mapping[str, Any], schema: Schema) -> Any:
    top = {column["name"]: column.get("top_categories", {}) for column in metrics["dataset"]["columns"]}
    values = [_typical(column, top.get(column.name, {})) for column in schema.columns]
    if schema.is_numeric:
        return values
    return dict(zip(metrics["signature"]["inputs"], values, strict=True))


def _typical(column: Column, top: Mapping[str, int]) -> float | bool | str:
    if column.kind == "boolean":
        return True
    if column.kind == "categorical":
        return next(iter(top), column.categories[0] if column.categories else "")
    value = float(f"{column.median:.4g}")
    return round(value) if "Int" in column.dtype else value


def _wide_note(schema: Schema) -> str:
    names = f"{schema.columns[0].name} to {schema.columns[-1].name}"
    if schema.is_numeric:
        shape = f'{{"instances": [[…], …]}} with {count(len(schema.columns), "number")} a row'
        return f"rows.json holds {shape}, in the order of the columns below ({names})."
    return (
        f'rows.json holds {{"instances": [{{…}}, …]}} with {count(len(schema.columns), "named value")} a row ({names}).'
    )


def _meaning(schema: Schema) -> str:
    target, classes = schema.target, schema.target.classes
    if target.task == "regression":
        return f"The answer has one number a row: the predicted {target.name}."
    if target.task == "binary":
        likely, other = classes[1], classes[0]
        return f"The answer has one number a row: the probability that {target.name} is “{likely}”, not “{other}”."
    return f"The answer has {len(classes)} probabilities a row, of the classes of {target.name} in this order:"

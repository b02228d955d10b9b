"""Writes config.schema.json, which editors use, and docs/configuration.md, both from src/keepfit/config.py."""

import json
from pathlib import Path
from typing import get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from keepfit.config import Config

ROOT = Path(__file__).parent.parent

_HEAD = """# Configuration

`config.json` lies in the project's folder, and every key may be left out. An unknown or ill-typed key stops the start
and is named with its path. Paths are relative to the file. Editors complete and check it by `config.schema.json` if it
has the key `$schema`. `TF_HOST`, `MODEL_NAME` and `TF_CPP_MIN_LOG_LEVEL` win over it
([commands.md](commands.md#environment)).

This page is written by `scripts/make_config_schema.py`.
"""
_TABLE = "| key | default | meaning |\n| --- | --- | --- |\n"


def schema_text() -> str:
    """The JSON Schema of config.json, as it stands in the repository."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Config.model_json_schema(by_alias=True)}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def docs_text() -> str:
    """docs/configuration.md: a table of the top level, then one a section."""
    parts = [_HEAD, _TABLE + _rows(Config, "")]
    for name, section in _sections(Config).items():
        parts.append(f"## {name}\n\n{(section.__doc__ or '').strip()}\n")
        nested = "".join(_rows(inner, f"{name}.{key}.") for key, inner in _sections(section).items())
        nested += "".join(_rows(inner, f"{name}.{key}") for key, inner in _collections(section).items())
        parts.append(_TABLE + _rows(section, f"{name}.") + nested)
    return "\n".join(parts)


def _sections(model: type[BaseModel]) -> dict[str, type[BaseModel]]:
    fields = model.model_fields.items()
    return {
        name: field.annotation
        for name, field in fields
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
    }


def _collections(model: type[BaseModel]) -> dict[str, type[BaseModel]]:
    """The sections that stand in lists, by names or not at all, under the keys that a reader would write."""
    found = {}
    for name, field in model.model_fields.items():
        origin = get_origin(field.annotation)
        after = "[]." if origin is list else ".NAME." if origin is dict else "."
        for inner in get_args(field.annotation):
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                found[f"{name}{after}"] = inner
    return found


def _rows(model: type[BaseModel], prefix: str) -> str:
    rows = []
    for name, field in model.model_fields.items():
        if name not in _sections(model):
            text = (field.description or "").replace("|", "\\|")
            rows.append(f"| `{prefix}{field.alias or name}` | {_default(field)} | {text} |\n")
    return "".join(rows)


def _default(field: FieldInfo) -> str:
    return "needed" if field.is_required() else f"`{json.dumps(field.default)}`"


if __name__ == "__main__":
    (ROOT / "config.schema.json").write_text(schema_text(), encoding="utf-8")
    (ROOT / "docs" / "configuration.md").write_text(docs_text(), encoding="utf-8")

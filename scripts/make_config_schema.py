"""Writes config.schema.json, which editors use to complete and check config.json."""

import json
from pathlib import Path

from keepfit.config import Config


def schema_text() -> str:
    """The JSON Schema of config.json, as it stands in the repository."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Config.model_json_schema(by_alias=True)}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    Path(__file__).parent.parent.joinpath("config.schema.json").write_text(schema_text(), encoding="utf-8")

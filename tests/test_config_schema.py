"""The JSON Schema in the repository is that of the code, and judges like it."""

import json
from pathlib import Path

import jsonschema
import pytest

from keepfit.config import Config

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def schema():
    return json.loads((ROOT / "config.schema.json").read_text(encoding="utf-8"))


def test_schema_in_the_repository_is_that_of_the_code(schema):
    generated = Config.model_json_schema(by_alias=True)
    assert schema["properties"] == generated["properties"]
    assert schema["$defs"] == generated["$defs"]


def test_schema_is_a_schema(schema):
    jsonschema.validators.validator_for(schema).check_schema(schema)


@pytest.mark.parametrize("path", [ROOT / "config.json", *sorted(ROOT.glob("examples/*/config.json"))], ids=str)
def test_every_config_in_the_repository_fits(schema, path):
    found = json.loads(path.read_text(encoding="utf-8"))
    jsonschema.validate(found, schema)
    Config.model_validate(found)


@pytest.mark.parametrize(
    "wrong", [{"trian": {}}, {"train": {"epochs": 0}}, {"train": {"epochs": "10"}}, {"gate": []}, {"model": 3}]
)
def test_an_editor_sees_the_same_mistakes(schema, wrong):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, schema)
    with pytest.raises(ValueError, match="validation error"):
        Config.model_validate(wrong)


def test_every_key_says_what_it_is(schema):
    sections = [schema, *schema["$defs"].values()]
    keys = {key: value for section in sections for key, value in section["properties"].items() if "$ref" not in value}
    nested = {"model", "synthetic", "train", "gate", "data", "schedule", "notifications"}
    undescribed = [key for key, value in keys.items() if not value.get("description") and key not in nested]
    assert undescribed == []

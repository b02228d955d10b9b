"""The manifest notices every change, and what cannot be read stops nothing."""

import json

import pytest

from keepfit.data.schema import Column, Schema, Target
from keepfit.errors import DataError
from keepfit.pipeline import artifacts


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "variables").mkdir()
    (tmp_path / "variables" / "data").write_bytes(b"weights")
    (tmp_path / "saved_model.pb").write_bytes(b"graph")
    artifacts.write_metrics({"version": 1, "ü": [1.5, None]}, tmp_path)
    artifacts.write_manifest(tmp_path)
    return tmp_path


def test_untouched_folder_is_whole(folder):
    assert artifacts.damaged_files(folder) == []


@pytest.mark.parametrize("content", [b"weight", b"weightS", b"", b"weights and more"])
def test_changed_file_is_named(folder, content):
    (folder / "variables" / "data").write_bytes(content)
    assert artifacts.damaged_files(folder) == ["variables/data"]


def test_missing_and_added_files_are_named(folder):
    (folder / "saved_model.pb").unlink()
    (folder / "variables" / "more").write_text("")
    assert artifacts.damaged_files(folder) == ["saved_model.pb", "variables/more"]


def test_metrics_are_read_as_they_were_written(folder):
    assert artifacts.read_metrics(folder) == {"version": 1, "ü": [1.5, None]}
    assert "ü" in (folder / "metrics.json").read_text(encoding="utf-8")


def test_metrics_with_what_json_has_not_are_a_defect(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        artifacts.write_metrics({"loss": float("nan")}, tmp_path)


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff", None])
def test_unreadable_metrics_are_none(tmp_path, content):
    if content is not None:
        (tmp_path / "metrics.json").write_bytes(content)
    assert artifacts.read_metrics(tmp_path) == {}


def test_schema_is_read_as_it_was_written(tmp_path):
    schema = Schema((Column("ä b", "numeric", "Float64", 0, 1, 0.5, 0.1, 0.5),), Target("y", "binary", ("0", "1")))
    assert artifacts.read_schema(tmp_path) is None
    artifacts.write_schema(schema, tmp_path)
    assert artifacts.read_schema(tmp_path) == schema
    (tmp_path / "schema.json").write_text("{}")
    with pytest.raises(DataError, match="the schema kept beside the model cannot be read"):
        artifacts.read_schema(tmp_path)


def test_manifest_names_every_file_but_itself(folder):
    named = json.loads((folder / "manifest.json").read_text())["sha256"]
    assert sorted(named) == ["metrics.json", "saved_model.pb", "variables/data"]

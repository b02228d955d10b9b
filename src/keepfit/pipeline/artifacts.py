"""The files beside a version's SavedModel: schema, metrics and the manifest of checksums. Needs no TensorFlow."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keepfit.data.schema import Schema
from keepfit.storage import write_atomically

METRICS = "metrics.json"
SCHEMA = "schema.json"
REPORT = "report.html"
MANIFEST = "manifest.json"


def write_schema(schema: Schema, folder: Path) -> None:
    """Keep what the run learned of its data beside the model."""
    write_atomically(folder / SCHEMA, schema.to_json())


def read_schema(folder: Path) -> Schema | None:
    """The schema of a version, None if it has none; raises DataError if it cannot be read."""
    path = folder / SCHEMA
    return Schema.from_json(path.read_text(encoding="utf-8")) if path.is_file() else None


def write_metrics(metrics: Mapping[str, Any], folder: Path) -> None:
    """Write metrics.json."""
    write_atomically(folder / METRICS, json.dumps(metrics, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_metrics(folder: Path) -> dict[str, Any]:
    """The metrics of a version; {} if they are missing or cannot be read, which never stops anything."""
    try:
        found = json.loads((folder / METRICS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write_report(page: str, folder: Path) -> None:
    """Write the readable report page."""
    write_atomically(folder / REPORT, page)


def read_report(folder: Path) -> str:
    """The report page of a version, "" if it has none that can be read."""
    try:
        return (folder / REPORT).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""


def write_manifest(folder: Path) -> None:
    """Write the SHA-256 of every file of the folder. Must be the last file written."""
    files = {
        path.relative_to(folder).as_posix(): checksum(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != MANIFEST
    }
    write_atomically(folder / MANIFEST, json.dumps({"format": 1, "sha256": files}, indent=2) + "\n")


def damaged_files(folder: Path) -> list[str]:
    """The files that the manifest names and that are missing or changed, and those that it does not name.

    A manifest that is missing or cannot be read is damaged itself.
    """
    try:
        named: dict[str, str] = dict(json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        return [MANIFEST]
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    wrong = [name for name, digest in named.items() if name not in there or checksum(folder / name) != digest]
    return sorted([*wrong, *(there - named.keys() - {MANIFEST})])


def checksum(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

"""`keepfit init`: a project folder with a config.json for the user's own table."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from keepfit.config import DataConfig
from keepfit.data.dataset import Dataset, prepare
from keepfit.errors import ConfigError
from keepfit.storage import make_folder, write_atomically

_SOURCES = {".csv": "csv", ".parquet": "parquet", ".pq": "parquet"}


def init(folder: Path, data: Path, target: str, ignore: Sequence[str] = ()) -> Dataset:
    """Write `folder`/config.json for the table at `data` without the columns `ignore`; return what was recognised.

    Raises ConfigError if there is a config.json already or the file's kind is unknown, DataError, StorageError.
    """
    path = folder / "config.json"
    if path.exists():
        raise ConfigError(f"{path} exists already: edit it, or name another folder")
    source = _source(data)
    section: dict[str, Any] = {"source": source, "path": str(data.absolute()), "target": target}
    if ignore:
        section["ignore"] = list(ignore)
    dataset = prepare(DataConfig.model_validate(section), folder, 0, None)
    section["path"] = os.path.relpath(data.resolve(), folder.resolve())
    config = {
        "model_name": _model_name(folder),
        "gate": {"min_r2": 0.5} if dataset.schema.target.task == "regression" else {"min_accuracy_percent": 97.0},
        "data": section,
    }
    make_folder(folder)
    write_atomically(path, json.dumps(config, indent=2, ensure_ascii=False) + "\n")
    return dataset


def _source(data: Path) -> str:
    files = sorted(data.iterdir()) if data.is_dir() else [data]
    for file in files:
        if file.suffix.lower() in _SOURCES:
            return _SOURCES[file.suffix.lower()]
    raise ConfigError(f"{data} is no .csv or .parquet file and no folder of them: for SQL see docs/data.md")


def _model_name(folder: Path) -> str:
    kept = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in folder.absolute().name)
    return kept.strip("_")[:64] or "keepfit"

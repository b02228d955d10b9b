"""The page's templates, and what all of them are given."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from keepfit.pipeline.report import wording


@cache
def environment() -> Environment:
    """Escapes whatever it is given, and refuses names that are not there."""
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip


def shared(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """What every part of the page may name."""
    return {"metrics": metrics, "created": datetime.fromisoformat(metrics["created_at"]), "say": wording}

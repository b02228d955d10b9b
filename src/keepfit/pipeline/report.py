"""The readable page of a candidate."""

import html
import json
from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from keepfit.data.schema import Schema


def render(metrics: Mapping[str, Any], schema: Schema, truth: NDArray[Any], predictions: NDArray[Any]) -> str:
    """Return the page."""
    return f"<!doctype html><title>Keepfit</title><pre>{html.escape(json.dumps(metrics, indent=2))}</pre>"

"""What the paths of TensorFlow Serving's REST API name. Pure; knows no models and no answers."""

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote

from keepfit.errors import InvalidRequestError

_VERSION = r"(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
_CALL = re.compile(r"/v1/models/(?P<model>[^/:]+)" + _VERSION + r":(?P<what>classify|regress|predict)", re.IGNORECASE)
_RESOURCE = re.compile(r"/v1/models(?:/(?P<model>[^/:]+))?" + _VERSION + r"(?:/(?P<what>metadata))?", re.IGNORECASE)
_MAX_VERSION = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Target:
    """A model, perhaps one of its versions, and what is asked of it: a call, "metadata", or nothing for its status."""

    model: str
    version: str | None
    """In digits, however many."""
    label: str
    what: str


@lru_cache(256)
def call_of(path: str) -> Target | None:
    """Return what the path of a call names, or None if it is of no call. Names in it may be percent-encoded."""
    return _target(_CALL.fullmatch(path))


def resource_of(path: str) -> Target | None:
    """Return what is to be told about a model, or None if the path is of nothing that is told about models."""
    return _target(_RESOURCE.fullmatch(path))


def number(digits: str | None) -> int | None:
    """Return a version's number, if there is one; raises InvalidRequestError."""
    if digits is None:
        return None
    if not digits.isascii() or len(digits) > 19 or int(digits) > _MAX_VERSION:
        raise InvalidRequestError(f"Failed to convert version: {digits} to numeric.")
    return int(digits)


def _target(match: re.Match[str] | None) -> Target | None:
    if match is None:
        return None
    model, label, what = (match[name] or "" for name in ("model", "label", "what"))
    return Target(_decode(model), match["version"], _decode(label), what.lower())


def _decode(name: str) -> str:
    return unquote(name) if "%" in name else name

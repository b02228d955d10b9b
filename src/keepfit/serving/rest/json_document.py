"""JSON documents as TensorFlow Serving's REST API reads and prints them: with NaN and Infinity.

Knows nothing of requests or tensors.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson

from keepfit.errors import InvalidRequestError
from keepfit.serving.rest.json_errors import refusal

_SHOWN_CHARACTERS = 500
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_SPECIAL = re.compile(rb'("[^"\\]*+(?:\\.[^"\\]*+)*+"?)|-?NaN|(-?)Inf(?:inity)?', re.DOTALL)
"""A string (which may hold anything), or one of the numbers that JSON does not have and rapidjson takes."""

_TYPES = {str: "String", dict: "Object", list: "Array", type(None): "Null"}


def parse(body: bytes | bytearray) -> dict[str, Any]:
    """Return a request body as an object; NaN and infinities are numbers here. Raises InvalidRequestError."""
    if not body:
        raise InvalidRequestError("JSON Parse error: The document is empty")
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        document = _parse_otherwise(body, error)
    if not isinstance(document, dict):
        raise InvalidRequestError(f"JSON Value: {show(document)} Is not object")
    return document


def signature_name(document: Mapping[str, Any]) -> str:
    """Return the signature that a request asks for; empty for the default."""
    name = document.get("signature_name", "")
    if not isinstance(name, str):
        raise InvalidRequestError(
            f"JSON Value: {show(document)} not formatted correctly. 'signature_name' key must be a string value."
        )
    return name


def show(value: Any) -> str:
    """Return a JSON value for an error text, cut off if it is long."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except RecursionError:
        return "(nested too deeply to be shown)"
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"


def type_name(value: Any) -> str:
    """Return the JSON type of a value, as error texts name it."""
    return str(value) if isinstance(value, bool) else _TYPES.get(type(value), "Number")


def dump(document: dict[str, Any]) -> bytes:
    """Return a document of lists, strings, numbers and arrays as JSON, with NaN and infinities as words."""
    content = orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY, default=_as_list)
    # orjson writes null for NaN and infinities, and nothing else here is ever null outside of strings.
    return _dump_with_nan(document) if b"null" in content else content


def _parse_otherwise(body: bytes | bytearray, error: orjson.JSONDecodeError) -> Any:
    if body.startswith(_BYTE_ORDER_MARK):
        return parse(body[len(_BYTE_ORDER_MARK) :])
    if b"NaN" not in body and b"Inf" not in body:
        raise refusal(body, error) from error
    try:
        return json.loads(_SPECIAL.sub(_as_python, body).decode())
    except (ValueError, RecursionError):  # not JSON even so, an integer of thousands of digits, or nested too deeply
        pass
    try:
        orjson.loads(_SPECIAL.sub(_as_zeros, body))
    except orjson.JSONDecodeError as other:
        raise refusal(body, other) from error
    raise refusal(body, error) from error


def _as_python(match: re.Match[bytes]) -> bytes:
    string, sign = match[1], match[2]
    if string is not None:
        return string
    return b"NaN" if sign is None else sign + b"Infinity"


def _as_zeros(match: re.Match[bytes]) -> bytes:
    """Keep the length, so that errors elsewhere keep their place."""
    return match[1] if match[1] is not None else b"0." + b"0" * (len(match[0]) - 2)


def _dump_with_nan(document: dict[str, Any]) -> bytes:
    return json.dumps(document, default=_as_list, ensure_ascii=False, separators=(",", ":")).encode()


def _as_list(value: Any) -> Any:
    """Return numpy values as Python's, float32 with no more digits than it has."""
    if not isinstance(value, np.ndarray | np.generic):
        raise TypeError(f"{type(value).__name__} is not JSON")
    if value.dtype.kind == "f" and value.dtype.itemsize < 8:
        return np.asarray(value).astype(str).astype(np.float64).tolist()
    return value.tolist()

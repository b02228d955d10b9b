"""JSON documents as TensorFlow Serving's REST API reads and prints them: with NaN and Infinity, and its error texts.

Knows nothing of requests or tensors.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson

from keepfit.errors import InvalidRequestError

_SHOWN_CHARACTERS = 500
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_SPECIAL = re.compile(rb'("[^"\\]*+(?:\\.[^"\\]*+)*+"?)|-?NaN|(-?)Inf(?:inity)?', re.DOTALL)
"""A string (which may hold anything), or one of the numbers that JSON does not have and rapidjson takes."""

_TEXTS = {
    "unexpected character, expected a JSON value": "Invalid value.",
    "invalid literal, expected 'true'": "Invalid value.",
    "invalid literal, expected 'false'": "Invalid value.",
    "invalid literal, expected 'null'": "Invalid value.",
    "no digit after sign": "Invalid value.",
    "input data is empty": "The document is empty.",
    "unexpected character, expected a string key": "Missing a name for object member.",
    "unexpected character, expected ':' after key": "Missing a colon after a name of object member.",
    "unexpected character, expected ',' or '}'": "Missing a comma or } after an object member.",
    "unexpected character, expected ',' or ']'": "Missing a comma or ] after an array element.",
    "unexpected content after document": "The document root must not be followed by other values.",
    "number is infinity when parsed as double": "Number too big to be stored in double.",
    "no digit after decimal point": "Miss fraction part in number.",
    "no digit after exponent sign": "Miss exponent in number.",
    "invalid escaped sequence in string": "Invalid escape character in string.",
    "no low surrogate in string": "The surrogate pair in string is invalid.",
    "unexpected control character in string": "Invalid encoding in string.",
    "str is not valid UTF-8: surrogates not allowed": "Invalid encoding in string.",
}
"""What rapidjson calls the errors of orjson, where it has a name for exactly that."""

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{},:]|[^\s\[\]{},:"]++', re.DOTALL)
_BROKEN_OFF = re.compile(
    r"""(?P<string>"(?:[^"\\]|\\.)*+\Z)|(?P<fraction>.*\.\Z)|(?P<exponent>.*\d[eE][+-]?\Z)"""
    r"""|(?P<value>-|t|tr|tru|f|fa|fal|fals|n|nu|nul)\Z""",
    re.DOTALL,
)
_BROKEN_TEXTS = {
    "string": "Missing a closing quotation mark in string.",
    "fraction": "Miss fraction part in number.",
    "exponent": "Miss exponent in number.",
    "value": "Invalid value.",
}

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
        raise _refusal(body, error) from error
    try:
        return json.loads(_SPECIAL.sub(_as_python, body).decode())
    except (ValueError, RecursionError):  # not JSON even so, an integer of thousands of digits, or nested too deeply
        pass
    try:
        orjson.loads(_SPECIAL.sub(_as_zeros, body))
    except orjson.JSONDecodeError as other:
        raise _refusal(body, other) from error
    raise _refusal(body, error) from error


def _as_python(match: re.Match[bytes]) -> bytes:
    string, sign = match[1], match[2]
    if string is not None:
        return string
    return b"NaN" if sign is None else sign + b"Infinity"


def _as_zeros(match: re.Match[bytes]) -> bytes:
    """Keep the length, so that errors elsewhere keep their place."""
    return match[1] if match[1] is not None else b"0." + b"0" * (len(match[0]) - 2)


def _refusal(body: bytes | bytearray, error: orjson.JSONDecodeError) -> InvalidRequestError:
    text, position = _TEXTS.get(error.msg, f"{error.msg[:1].upper()}{error.msg[1:]}."), error.pos
    if error.msg == "trailing comma is not allowed":
        closing = re.compile(r"\s*+").match(error.doc, position + 1)
        position = position + 1 if closing is None else closing.end()
        text = _TEXTS["unexpected character, expected a JSON value"]
        if error.doc[position : position + 1] == "}":
            text = _TEXTS["unexpected character, expected a string key"]
    elif error.msg in ("unexpected end of data", "unclosed string"):
        text = _what_is_missing(error.doc)
    elif error.msg == "invalid escaped sequence in string" and error.doc[position + 1 : position + 2] == "u":
        text = "Incorrect hex digit after \\u escape in string."
    elif error.msg.startswith("invalid literal"):
        literal = error.msg.split("'")[1]
        while error.doc[position : position + 1] == literal[:1] != "":
            position, literal = position + 1, literal[1:]
    offset = position if body.isascii() else len(error.doc[:position].encode(errors="replace"))
    return InvalidRequestError(f"JSON Parse error: {text} at offset: {offset}")


def _what_is_missing(document: str) -> str:
    """Return what rapidjson says of a document that ends too early and is right until then."""
    tokens = ["", "", *(match[0] for match in _TOKEN.finditer(document))]
    before, last = tokens[-2:]
    broken = _BROKEN_OFF.match(last)
    if broken is not None:
        return _BROKEN_TEXTS[str(broken.lastgroup)]
    is_object = _innermost(tokens) == "{"
    if last == "{" or (last == "," and is_object):
        return "Missing a name for object member."
    if last in ("[", ":", ","):
        return "Invalid value."
    if not is_object:
        return "Missing a comma or ] after an array element."
    if last.startswith('"') and before in ("{", ","):
        return "Missing a colon after a name of object member."
    return "Missing a comma or } after an object member."


def _innermost(tokens: list[str]) -> str:
    """Return the bracket that is open at the end."""
    depth = 0
    for token in reversed(tokens):
        if token in ("]", "}"):
            depth += 1
        elif token in ("[", "{"):
            if not depth:
                return token
            depth -= 1
    return ""


def _dump_with_nan(document: dict[str, Any]) -> bytes:
    return json.dumps(document, default=_as_list, ensure_ascii=False, separators=(",", ":")).encode()


def _as_list(value: Any) -> Any:
    """Return numpy values as Python's, float32 with no more digits than it has."""
    if not isinstance(value, np.ndarray | np.generic):
        raise TypeError(f"{type(value).__name__} is not JSON")
    if value.dtype.kind == "f" and value.dtype.itemsize < 8:
        return np.asarray(value).astype(str).astype(np.float64).tolist()
    return value.tolist()

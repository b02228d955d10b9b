"""What is wrong with a JSON document, in the words of TensorFlow Serving's parser (rapidjson). Knows no tensors."""

import re

import orjson

from keepfit.errors import InvalidRequestError

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


def refusal(body: bytes | bytearray, error: orjson.JSONDecodeError) -> InvalidRequestError:
    """Return the error of a body that orjson does not take."""
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

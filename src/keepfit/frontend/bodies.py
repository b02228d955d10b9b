"""What a JSON body of /predict has to look like before the model server is asked. Pure."""

import json
from typing import Any

import orjson

from keepfit.errors import InvalidRequestError

_EXAMPLE = '{"instances": [[1.5, 2.3]]}'


def check_body(body: bytes, max_instances: int) -> None:
    """Raise InvalidRequestError unless the body is an object with instances or inputs, and not too many of them.

    Whether the values fit the model is the model server's to say.
    """
    request = _parse(body)
    if not isinstance(request, dict):
        raise InvalidRequestError(f"The body is a JSON {_kind(request)}: expected an object, such as {_EXAMPLE}")
    given = [key for key in ("instances", "inputs") if key in request]
    if len(given) != 1:
        found = "both 'instances' and 'inputs'" if given else "neither 'instances' nor 'inputs'"
        raise InvalidRequestError(f"The body has {found}: expected one of them, such as {_EXAMPLE}")
    signature = request.get("signature_name", "")
    if not isinstance(signature, str):
        raise InvalidRequestError(f"signature_name is a JSON {_kind(signature)}: expected a string")
    value = request[given[0]]
    if given == ["instances"] and (not isinstance(value, list) or not value):
        found = "an empty array" if value == [] else f"a JSON {_kind(value)}"
        raise InvalidRequestError(f"instances is {found}: expected an array of at least one instance, as in {_EXAMPLE}")
    count = _count(value)
    if count > max_instances:
        raise InvalidRequestError(f"{given[0]} has {count} instances: expected at most {max_instances} at once")


def _parse(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        # orjson knows no NaN and Infinity, which TensorFlow Serving reads.
        try:
            return json.loads(body.decode("utf-8"))
        except UnicodeDecodeError as error:
            raise InvalidRequestError(f"The body is not UTF-8: {error.reason} at byte {error.start}") from error
        except json.JSONDecodeError as error:
            raise InvalidRequestError(f"The body is not JSON: {error}") from error
        except (ValueError, RecursionError) as error:
            raise InvalidRequestError(
                "The body is not JSON that can be read: too deep, or a number too long"
            ) from error


def _count(value: Any) -> int:
    if isinstance(value, dict):
        return max((_count(part) for part in value.values() if isinstance(part, list)), default=1)
    return len(value) if isinstance(value, list) else 1


def _kind(value: Any) -> str:
    kinds = {dict: "object", list: "array", str: "string", bool: "boolean", type(None): "null"}
    return kinds.get(type(value), "number")

"""What REST answers: the HTTP code, the body and the headers of results and of errors. Knows no models."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from keepfit.errors import DeadlyRequestError, ServingError, TooLargeError
from keepfit.serving.requests.status import status_name

JSON = "application/json"

STATUS_CODES: Mapping[str, int] = {
    "CANCELLED": 499,
    "UNKNOWN": 500,
    "INVALID_ARGUMENT": 400,
    "DEADLINE_EXCEEDED": 504,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "PERMISSION_DENIED": 403,
    "RESOURCE_EXHAUSTED": 429,
    "FAILED_PRECONDITION": 400,
    "ABORTED": 409,
    "OUT_OF_RANGE": 400,
    "UNIMPLEMENTED": 501,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
    "DATA_LOSS": 500,
    "UNAUTHENTICATED": 401,
}
"""TensorFlow Serving's, from its http_server.cc."""
_TOO_LARGE = 413
"""HTTP has a code of its own for it; TensorFlow's name also stands for memory that ran out."""

_ERROR_HEADERS: Mapping[int, Mapping[str, str]] = {401: {"www-authenticate": "Bearer"}, 503: {"retry-after": "1"}}


@dataclass(slots=True)
class Response:
    """An answer: status, body and headers beside the content type. Never changed; being frozen would cost a µs each."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


def error_response(error: ServingError) -> Response:
    """Return an error as TensorFlow Serving does: {"error": text}."""
    status = _TOO_LARGE if isinstance(error, TooLargeError) else STATUS_CODES[status_name(error)]
    headers = {} if isinstance(error, DeadlyRequestError) else _ERROR_HEADERS.get(status, {})
    return Response(status, error_body(str(error)), headers=headers)


def error_body(message: str) -> bytes:
    """Return the body of an error."""
    return json.dumps({"error": message}).encode()

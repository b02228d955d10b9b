"""What a server's answer means that is no success: one table for both transports, and whether to ask again."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import orjson

from keepfit.errors import (
    FailedPreconditionError,
    InferenceError,
    InvalidRequestError,
    KeepfitError,
    ModelNotFoundError,
    StrangerError,
    TimedOutError,
    TooLargeError,
    UnauthenticatedError,
    UnavailableError,
    UnimplementedError,
    UnreachableError,
)

Again = Literal["never", "unsent", "sent"]
"""Whether a request may be sent again: never, freely as no server has begun with it, or with restraint."""


class Failed(Exception):  # noqa: N818 - not an error of its own: it carries one to the retries, and no further
    """An attempt that failed, with the error for the caller, and what the retries need to know."""

    def __init__(self, error: KeepfitError, again: Again = "never", after_s: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.again = again
        self.after_s = after_s


class Codes(NamedTuple):
    """The HTTP statuses and the gRPC codes with which a server says one thing."""

    http: tuple[int, ...]
    grpc: tuple[str, ...]


CODES: Mapping[type[KeepfitError], Codes] = {
    InvalidRequestError: Codes((400,), ("INVALID_ARGUMENT", "OUT_OF_RANGE")),
    TooLargeError: Codes((413, 414, 431), ()),
    UnauthenticatedError: Codes((401, 403), ("UNAUTHENTICATED", "PERMISSION_DENIED")),
    ModelNotFoundError: Codes((404,), ("NOT_FOUND",)),
    FailedPreconditionError: Codes((412,), ("FAILED_PRECONDITION",)),
    UnavailableError: Codes((429, 503), ("RESOURCE_EXHAUSTED", "UNAVAILABLE")),
    TimedOutError: Codes((408, 504), ("DEADLINE_EXCEEDED",)),
    UnimplementedError: Codes((501,), ("UNIMPLEMENTED",)),
    InferenceError: Codes(
        (409, 499, 500), ("ALREADY_EXISTS", "ABORTED", "CANCELLED", "UNKNOWN", "INTERNAL", "DATA_LOSS")
    ),
}
"""As TensorFlow Serving uses them. Other HTTP statuses from 500 on are InferenceError; any other is not its answer."""

_CLEAR_WITHOUT_WORDS = (401, 403, 408, 413, 414, 429, 431)
"""What gateways say without JSON, and servers of requests that they do not read. A bare 404 is some other server's."""

ERROR_OF_STATUS = {status: error for error, codes in CODES.items() for status in codes.http}
ERROR_OF_CODE = {code: error for error, codes in CODES.items() for code in codes.grpc}


@dataclass(frozen=True, slots=True)
class Server:
    """Who is asked for what, for the errors' texts."""

    url: str
    model: str

    def silent(self) -> UnreachableError:
        """Nobody answers."""
        return UnreachableError(f"No model server answers at {self.url}.")

    def unreachable(self) -> UnreachableError:
        """No connection comes about."""
        return UnreachableError(f"No model server can be reached at {self.url}.")

    def insecure(self, reason: str) -> UnreachableError:
        """The two sides do not trust one another."""
        return UnreachableError(f"No secure connection to {self.url} comes about: {reason}")

    def late(self, timeout_s: float) -> TimedOutError:
        """The time is up."""
        return TimedOutError(f"The model server at {self.url} gave no answer within {timeout_s:g} s.")

    def garbage(self, what: str) -> StrangerError:
        """Something else answers."""
        return StrangerError(f"What answers at {self.url} does not send {what} as TensorFlow Serving does.")

    def too_large(self, limit: int) -> InferenceError:
        """More is answered than is taken."""
        return InferenceError(f"The model's answer is larger than {limit} bytes.")

    def error(self, kind: type[KeepfitError], text: str) -> KeepfitError:
        """Return an error with the server's own words."""
        if kind is ModelNotFoundError:
            text = f"The model server at {self.url} has no model {self.model!r} to answer with: {text}"
        return kind(text)


def of_http(server: Server, status: int, content: bytes, retry_after: str | None) -> Failed:
    """Return what an HTTP answer means that is not 200."""
    kind = ERROR_OF_STATUS.get(status) or (InferenceError if status >= 500 else None)
    text = _error_text(content)
    if text is None and status >= 500:
        text = f"The model server failed with status {status} and gave no reason."
    if text is None and status in _CLEAR_WITHOUT_WORDS:
        text = f"{server.url} refuses the request with status {status}, and gives no reason."
    if kind is None or text is None:
        return Failed(server.garbage(f"an answer with status {status}"))
    after_s = _seconds(retry_after)
    return Failed(server.error(kind, text), _again(after_s) if status == 503 else "never", after_s)


def of_grpc(server: Server, code: str, details: str, pushback_ms: str | None) -> Failed:
    """Return what a gRPC status means that is not OK and came from a server."""
    kind = ERROR_OF_CODE.get(code, InferenceError)
    text = details.strip() or f"The model server failed with status {code} and gave no reason."
    # gRPC's own Retry-After (its proposal A6): below 0, or not a number, means never again.
    after_s = None if pushback_ms is None else _seconds(pushback_ms)
    refused = pushback_ms is not None and after_s is None
    again = _again(after_s) if code == "UNAVAILABLE" and not refused else "never"
    return Failed(server.error(kind, text), again, None if after_s is None else after_s / 1000)


def _again(after_s: float | None) -> Again:
    """Return how freely to try again: a server that says when has not begun with the request."""
    return "sent" if after_s is None else "unsent"


def _seconds(text: str | None) -> float | None:
    """Return a number of seconds; a Retry-After can be a date as well, which model servers do not send."""
    return float(text) if text is not None and text.isascii() and text.isdigit() else None


def _error_text(content: bytes) -> str | None:
    try:
        answer = orjson.loads(content)
    except orjson.JSONDecodeError:
        return None
    text = answer.get("error") if isinstance(answer, dict) else None
    return text.strip() if isinstance(text, str) and text.strip() else None

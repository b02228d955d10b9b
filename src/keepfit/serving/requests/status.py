"""TensorFlow's name for the outcome of a request: what metrics, the version status and gRPC call it.

Knows no transport.
"""

from collections.abc import Mapping

from keepfit.errors import (
    FailedPreconditionError,
    InferenceError,
    InvalidRequestError,
    KeepfitError,
    ModelLoadError,
    ModelNotFoundError,
    ReloadError,
    TimedOutError,
    TooLargeError,
    UnauthenticatedError,
    UnavailableError,
    UnimplementedError,
)

NUMBERS: Mapping[str, int] = {
    "OK": 0,
    "CANCELLED": 1,
    "UNKNOWN": 2,
    "INVALID_ARGUMENT": 3,
    "DEADLINE_EXCEEDED": 4,
    "NOT_FOUND": 5,
    "ALREADY_EXISTS": 6,
    "PERMISSION_DENIED": 7,
    "RESOURCE_EXHAUSTED": 8,
    "FAILED_PRECONDITION": 9,
    "ABORTED": 10,
    "OUT_OF_RANGE": 11,
    "UNIMPLEMENTED": 12,
    "INTERNAL": 13,
    "UNAVAILABLE": 14,
    "DATA_LOSS": 15,
    "UNAUTHENTICATED": 16,
}
"""The canonical codes, which TensorFlow and gRPC share: https://grpc.io/docs/guides/status-codes/"""

STATUS_NAMES: Mapping[type[KeepfitError], str] = {
    InvalidRequestError: "INVALID_ARGUMENT",
    FailedPreconditionError: "FAILED_PRECONDITION",
    TooLargeError: "RESOURCE_EXHAUSTED",
    UnauthenticatedError: "UNAUTHENTICATED",
    ModelNotFoundError: "NOT_FOUND",
    UnimplementedError: "UNIMPLEMENTED",
    ReloadError: "UNKNOWN",
    UnavailableError: "UNAVAILABLE",
    TimedOutError: "DEADLINE_EXCEEDED",
}


def status_name(error: KeepfitError) -> str:
    """Return TensorFlow's name of an error; what has none of its own is INTERNAL."""
    if isinstance(error, InferenceError | ModelLoadError):
        return error.status
    return next((STATUS_NAMES[kind] for kind in type(error).__mro__ if kind in STATUS_NAMES), "INTERNAL")

"""TensorFlow's name for the outcome of a request: what metrics, the version status and gRPC call it.

Knows no transport.
"""

from collections.abc import Mapping

from keepfit.errors import (
    FailedPreconditionError,
    InferenceError,
    InvalidRequestError,
    KeepfitError,
    ModelNotFoundError,
    TimedOutError,
    TooLargeError,
    UnauthenticatedError,
    UnavailableError,
    UnimplementedError,
)

STATUS_NAMES: Mapping[type[KeepfitError], str] = {
    InvalidRequestError: "INVALID_ARGUMENT",
    FailedPreconditionError: "FAILED_PRECONDITION",
    TooLargeError: "RESOURCE_EXHAUSTED",
    UnauthenticatedError: "UNAUTHENTICATED",
    ModelNotFoundError: "NOT_FOUND",
    InferenceError: "INTERNAL",
    UnimplementedError: "UNIMPLEMENTED",
    UnavailableError: "UNAVAILABLE",
    TimedOutError: "DEADLINE_EXCEEDED",
}


def status_name(error: KeepfitError) -> str:
    """Return TensorFlow's name of an error; what is no prediction's fault, such as a load that failed, is INTERNAL."""
    return next((STATUS_NAMES[kind] for kind in type(error).__mro__ if kind in STATUS_NAMES), "INTERNAL")

"""How an error becomes an answer: its status, its words for a person, JSON or page. The only table of HTTP codes."""

from collections.abc import Mapping
from dataclasses import dataclass

from flask import Request

from keepfit.errors import (
    FailedPreconditionError,
    InferenceError,
    InvalidRequestError,
    KeepfitError,
    ModelNotFoundError,
    ServingError,
    StrangerError,
    TimedOutError,
    TooLargeError,
    UnauthenticatedError,
    UnavailableError,
    UnimplementedError,
    UnreachableError,
)


@dataclass(frozen=True, slots=True)
class Reply:
    """A status, a heading, and what a person can do."""

    status: int
    title: str
    advice: str


REPLIES: Mapping[type[KeepfitError], Reply] = {
    InvalidRequestError: Reply(400, "That does not fit the model", "Correct the values and ask again."),
    TooLargeError: Reply(413, "That is too much at once", "Send fewer rows."),
    UnimplementedError: Reply(
        501, "This model cannot be asked that way", "Ask it through TensorFlow Serving's API, or export a signature."
    ),
    ServingError: Reply(502, "The model server failed", "Look into the model server's log."),
    InferenceError: Reply(502, "The model failed on this input", "Try other values, or look into the server's log."),
    FailedPreconditionError: Reply(502, "The model cannot run as it is", "Look into the model server's log."),
    UnauthenticatedError: Reply(
        502,
        "The model server does not let this page in",
        "Set KEEPFIT_API_KEY to a key that it knows, and start again.",
    ),
    UnreachableError: Reply(
        502,
        "The model server does not answer",
        "Start everything with ./scripts/run_all.sh, or check that TF_HOST names the host where the server runs.",
    ),
    StrangerError: Reply(
        502, "What answers is not a model server", "Check that TF_HOST names the host and the REST port of the server."
    ),
    ModelNotFoundError: Reply(
        503,
        "There is no such model yet",
        "Train the first version with python retrain_pipeline.py, or check that MODEL_NAME is the served name.",
    ),
    UnavailableError: Reply(
        503, "The model is not ready yet", "It is being loaded, or the server is busy: try again in a moment."
    ),
    TimedOutError: Reply(
        504, "The model took too long", "Try again; if it stays so, send fewer rows or raise frontend.timeout_s."
    ),
}

HTTP_REPLIES: Mapping[int, Reply] = {
    400: Reply(400, "That request cannot be read", ""),
    404: Reply(
        404, "There is no such page", "The page is /, predictions are POST /predict, and /openapi.json says more."
    ),
    405: Reply(405, "That is not how this address works", ""),
    413: Reply(413, "That is too much at once", ""),
    415: Reply(415, "That kind of content cannot be read", ""),
    500: Reply(500, "Something went wrong here", "The log of the frontend says more."),
}
"""What is said of errors that belong to HTTP itself; others keep their standard names."""


def reply_to(error: KeepfitError) -> Reply:
    """Return the reply to an error that a view can raise."""
    return REPLIES[type(error)]


def is_fragment(request: Request) -> bool:
    """Whether the page asks, for a piece of itself."""
    return request.headers.get("HX-Request") == "true"


def wants_page(request: Request) -> bool:
    """Whether a person is to read the answer: only who says so gets a page; curl and programs get JSON."""
    if is_fragment(request):
        return True
    if request.is_json:
        return False
    return request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html"

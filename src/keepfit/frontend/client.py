"""A thin client of TensorFlow Serving's REST API: status, metadata, predict.

Turns whatever goes wrong into the errors of keepfit.errors; knows nothing of pages or of HTTP codes to answer with.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import quote

import httpx
from tenacity import RetryError, Retrying, retry_if_exception_type, stop_after_delay, wait_exponential

from keepfit.errors import (
    InferenceError,
    InvalidRequestError,
    KeepfitError,
    ModelNotFoundError,
    TimedOutError,
    UnavailableError,
    UnimplementedError,
    UnreachableError,
)
from keepfit.frontend.settings import FrontendSettings

ERROR_OF_STATUS: Mapping[int, type[KeepfitError]] = {
    400: InvalidRequestError,
    404: ModelNotFoundError,
    408: TimedOutError,
    412: UnavailableError,
    413: InvalidRequestError,
    429: UnavailableError,
    500: InferenceError,
    501: UnimplementedError,
    503: UnavailableError,
    504: TimedOutError,
}
"""What TensorFlow Serving means by each status; any other one is not an answer of TensorFlow Serving's."""

_CONNECT_TIMEOUT_S = 2.0
_LOST = (httpx.ConnectError, httpx.ReadError, httpx.WriteError, httpx.CloseError, httpx.RemoteProtocolError)


@dataclass(frozen=True, slots=True)
class VersionStatus:
    """A version of the model as the server sees it, such as AVAILABLE or LOADING."""

    version: int
    state: str
    message: str


class ServingClient:
    """Speaks to one model of one server. Threads may share it; close() ends its connections."""

    def __init__(self, settings: FrontendSettings) -> None:
        self._settings = settings
        self._path = f"/v1/models/{quote(settings.model_name, safe='')}"
        # trust_env: a proxy for the internet must not stand between the page and its model server.
        self._http = httpx.Client(
            base_url=settings.serving_url,
            trust_env=False,
            limits=httpx.Limits(max_connections=settings.threads, max_keepalive_connections=settings.threads),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all connections."""
        self._http.close()

    def status(self, timeout_s: float | None = None) -> tuple[VersionStatus, ...]:
        """Return what the server says of each version, the highest first; the order of errors is predict()'s."""
        answer = self._json(self._request("GET", self._path, timeout_s=timeout_s))
        try:
            found = [_version_status(entry) for entry in answer["model_version_status"]]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise self._garbage("a model status") from error
        return tuple(sorted(found, key=lambda status: status.version, reverse=True))

    def metadata(self) -> dict[str, Any]:
        """Return the signatures of the served version by name, as TensorFlow Serving's JSON has them."""
        answer = self._json(self._request("GET", f"{self._path}/metadata"))
        try:
            signatures = answer["metadata"]["signature_def"]["signature_def"]
        except (KeyError, TypeError) as error:
            raise self._garbage("model metadata") from error
        if not isinstance(signatures, dict):
            raise self._garbage("model metadata")
        return signatures

    def predict(self, body: bytes) -> bytes:
        """Send a prediction request as it is and return the answer as it is: a JSON object.

        Raises UnreachableError if nothing answers or what answers is not TensorFlow Serving, TimedOutError,
        UnavailableError while nothing is loaded, ModelNotFoundError, InvalidRequestError if the request does not fit
        the model, UnimplementedError, and InferenceError if the model failed.
        """
        answer = self._request("POST", f"{self._path}:predict", body)
        if not answer.lstrip().startswith(b"{"):
            raise self._garbage("a prediction")
        return answer

    def _request(self, method: str, path: str, body: bytes | None = None, *, timeout_s: float | None = None) -> bytes:
        limit_s = self._settings.timeout_s if timeout_s is None else timeout_s
        deadline = time.monotonic() + limit_s
        retrying = Retrying(
            # Asking twice is harmless: a prediction changes nothing. A restarting server is bridged this way.
            retry=retry_if_exception_type(_LOST),
            wait=wait_exponential(multiplier=0.05, max=0.2),
            stop=stop_after_delay(min(self._settings.reconnect_s, limit_s)),
        )
        try:
            status, content = retrying(self._once, method, path, body, deadline)
        except RetryError as error:
            raise UnreachableError(
                f"No model server answers at {self._settings.serving_url}."
            ) from error.last_attempt.exception()
        except httpx.ConnectTimeout as error:
            raise UnreachableError(f"No model server can be reached at {self._settings.serving_url}.") from error
        except httpx.TimeoutException as error:
            url = self._settings.serving_url
            raise TimedOutError(f"The model server at {url} gave no answer within {limit_s:g} s.") from error
        except httpx.HTTPError as error:
            raise self._garbage("HTTP") from error
        if status == 200:
            return content
        raise self._error(status, content)

    def _once(self, method: str, path: str, body: bytes | None, deadline: float) -> tuple[int, bytes]:
        """Ask once. The deadline is for the whole answer: httpx's own limits are for each piece of it."""
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            raise httpx.ReadTimeout("no time left")
        headers = {"Content-Type": "application/json"} if body is not None else {}
        timeout = httpx.Timeout(left_s, connect=min(left_s, _CONNECT_TIMEOUT_S))
        pieces, size = [], 0
        with self._http.stream(method, path, content=body, headers=headers, timeout=timeout) as response:
            for piece in response.iter_bytes():
                size += len(piece)
                if size > self._settings.max_answer_bytes:
                    raise InferenceError(f"The model's answer is larger than {self._settings.max_answer_bytes} bytes.")
                if time.monotonic() > deadline:
                    raise httpx.ReadTimeout("the answer drips")
                pieces.append(piece)
            return response.status_code, b"".join(pieces)

    def _error(self, status: int, content: bytes) -> KeepfitError:
        found = ERROR_OF_STATUS.get(status) or (InferenceError if status >= 500 else None)
        text = _error_text(content)
        if text is None and status >= 500:
            text = f"The model server failed with status {status} and gave no reason."
        if found is None or text is None:
            return self._garbage(f"an answer with status {status}")
        if found is ModelNotFoundError:
            name, url = self._settings.model_name, self._settings.serving_url
            return ModelNotFoundError(f"The model server at {url} has no model {name!r} to answer with: {text}")
        return found(text)

    def _json(self, content: bytes) -> Any:
        try:
            return json.loads(content)
        except (ValueError, RecursionError) as error:
            raise self._garbage("JSON") from error

    def _garbage(self, what: str) -> UnreachableError:
        url = self._settings.serving_url
        return UnreachableError(f"What answers at {url} does not send {what} as TensorFlow Serving does.")


def _version_status(entry: Mapping[str, Any]) -> VersionStatus:
    message = entry.get("status", {}).get("error_message", "")
    return VersionStatus(int(entry["version"]), str(entry["state"]), str(message))


def _error_text(content: bytes) -> str | None:
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError):
        return None
    text = answer.get("error") if isinstance(answer, dict) else None
    return text.strip() if isinstance(text, str) and text.strip() else None

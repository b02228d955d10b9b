"""What each route answers. Knows the model server only through its client, and raises what goes wrong."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
from flask import Request, Response, request
from werkzeug.exceptions import UnsupportedMediaType

from keepfit.client import Client, Retry, VersionStatus
from keepfit.errors import InvalidRequestError, KeepfitError, ModelNotFoundError, UnavailableError
from keepfit.frontend.answers import Answer, show
from keepfit.frontend.bodies import check_body
from keepfit.frontend.examples import example_calls
from keepfit.frontend.filling import Values, fill
from keepfit.frontend.inputs import ModelForm, read_form
from keepfit.frontend.metrics import CONTENT_TYPE, FrontendMetrics
from keepfit.frontend.rendering import json_answer, page
from keepfit.frontend.replies import is_fragment, reply_to, wants_page
from keepfit.frontend.settings import FrontendSettings

_OPENAPI = Path(__file__).parent / "openapi.json"
_FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")
_STATE_OF_STATUS = {502: "UNREACHABLE", 503: "NOT_FOUND", 504: "TIMED_OUT"}


class Site:
    """The views of one application, with the client and the metrics that they share. close() ends connections."""

    def __init__(self, settings: FrontendSettings) -> None:
        self.settings = settings
        self.metrics = FrontendMetrics()
        self._client = Client(
            settings.serving_url,
            settings.model_name,
            api_key=settings.api_key,
            timeout_s=settings.timeout_s,
            retry=Retry(within_s=settings.reconnect_s, longest_wait_s=0.2),
            max_answer_bytes=settings.max_answer_bytes,
            max_connections=settings.threads,
        )
        self._openapi = _OPENAPI.read_bytes()

    def close(self) -> None:
        """End the connections to the model server."""
        self._client.close()

    def index(self) -> Response:
        """The page: what is served, and the form. 503 as long as there is nothing to ask, whatever the reason."""
        try:
            versions = self._available()
            form = read_form(self._client.metadata().signatures)
        except KeepfitError as error:
            self.metrics.failed_upstream(type(error).__name__)
            return page("absent.html", 503, reply=reply_to(error), detail=str(error))
        return _form_page(form, versions, 200)

    def predict(self) -> Response:
        """Answer a prediction: JSON as TensorFlow Serving does, a form from a browser with a page."""
        if request.content_encoding:
            raise UnsupportedMediaType(f"The body is encoded as {request.content_encoding!r}: send it as it is.")
        if _is_json_request(request):
            body = request.get_data()
            check_body(body, self.settings.max_instances)
            return json_answer(self._client.forward(body))
        if request.mimetype not in _FORM_TYPES:
            found = repr(request.mimetype) if request.mimetype else "of no stated type"
            raise UnsupportedMediaType(f"The body is {found}: send application/json or a form.")
        return self._predict_form()

    def healthz(self) -> Response:
        """Say that this process works, and how the model server is."""
        server: dict[str, Any] = {"url": self.settings.serving_url, "versions": []}
        try:
            versions = self._client.status(timeout_s=min(self.settings.probe_timeout_s, self.settings.timeout_s))
            server["state"] = _state(versions)
            server["versions"] = [status.version for status in versions if status.state == "AVAILABLE"]
        except KeepfitError as error:
            server["state"] = _STATE_OF_STATUS.get(reply_to(error).status, "FAILING")
            server["error"] = str(error)
        answer = {"status": "ok", "model": self.settings.model_name, "model_server": server}
        return json_answer(orjson.dumps(answer))

    def metrics_text(self) -> Response:
        """The metrics for Prometheus."""
        return Response(self.metrics.text(), content_type=CONTENT_TYPE)

    def openapi(self) -> Response:
        """The description of these routes."""
        return json_answer(self._openapi)

    def _predict_form(self) -> Response:
        if request.files:
            raise InvalidRequestError(f"{next(iter(request.files))!r} is a file: expected text fields")
        values: Values = {name: request.form.getlist(name) for name in request.form}
        form = read_form(self._client.metadata().signatures)
        filled = fill(form, values, self.settings.max_instances)
        if not wants_page(request):
            if filled.mistakes:
                raise InvalidRequestError(filled.error)
            return json_answer(self._client.forward(filled.body()))
        answer = None
        if not filled.mistakes:
            start = time.monotonic()
            answered = self._client.forward(filled.body())
            answer = show(form, filled, answered, latency_ms=(time.monotonic() - start) * 1000)
        status = 200 if answer else 400
        if is_fragment(request):
            return page("_result.html", status, mistakes=filled.mistakes, answer=answer)
        return _form_page(form, self._available(), status, values, filled.mistakes, answer)

    def _available(self) -> tuple[VersionStatus, ...]:
        versions = self._client.status()
        if not versions:
            raise ModelNotFoundError(f"The model server has no version of {self.settings.model_name!r}.")
        if _state(versions) != "AVAILABLE":
            newest = versions[0]
            because = f": {newest.message}" if newest.message else "."
            raise UnavailableError(f"Version {newest.version} is in the state {newest.state}{because}")
        return versions


def _form_page(
    form: ModelForm,
    versions: tuple[VersionStatus, ...],
    status: int,
    values: Values | None = None,
    mistakes: Mapping[str, str] | None = None,
    answer: Answer | None = None,
) -> Response:
    return page(
        "index.html",
        status,
        form=form,
        versions=versions,
        values=values or {},
        mistakes=mistakes or {},
        answer=answer,
        calls=example_calls(form, f"{request.host_url}predict"),
    )


def _is_json_request(asked: Request) -> bool:
    """Whether the body is JSON by its type, or by its looks where `curl -d` or nobody says what it is."""
    if asked.is_json:
        return True
    if asked.mimetype in ("", "text/plain", "application/x-www-form-urlencoded"):
        return asked.get_data().lstrip()[:1] in (b"{", b"[")
    return False


def _state(versions: tuple[VersionStatus, ...]) -> str:
    states = [status.state for status in versions]
    return "AVAILABLE" if "AVAILABLE" in states else states[0] if states else "NOT_FOUND"

"""The Flask application: routes, headers, limits, and how errors become answers. What routes answer is in views."""

import hashlib
import logging
import time
from pathlib import Path

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException, InternalServerError

from keepfit.errors import InvalidRequestError, KeepfitError
from keepfit.frontend.rendering import error_answer
from keepfit.frontend.replies import HTTP_REPLIES, Reply, reply_to
from keepfit.frontend.settings import FrontendSettings
from keepfit.frontend.views import Site

_HERE = Path(__file__).parent
_LOGGER = logging.getLogger(__name__)

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def create_app(settings: FrontendSettings) -> Flask:
    """Return the application for one model; `app.extensions["keepfit"].close()` ends its connections."""
    app = Flask("keepfit.frontend", root_path=str(_HERE))
    app.config.update(
        MAX_CONTENT_LENGTH=settings.max_body_bytes,
        MAX_FORM_MEMORY_SIZE=settings.max_body_bytes,
        MAX_FORM_PARTS=10_000,
        SEND_FILE_MAX_AGE_DEFAULT=3600,
    )
    site = Site(settings)
    app.extensions["keepfit"] = site
    app.add_url_rule("/", "index", site.index)
    app.add_url_rule("/predict", "predict", site.predict, methods=["POST"])
    app.add_url_rule("/healthz", "healthz", site.healthz)
    app.add_url_rule("/metrics", "metrics", site.metrics_text)
    app.add_url_rule("/openapi.json", "openapi", site.openapi)
    build = _digest(_HERE / "static")
    app.context_processor(lambda: {"settings": settings, "build": build})
    _answer_errors(app, site)
    _finish_answers(app, site)
    return app


def _answer_errors(app: Flask, site: Site) -> None:
    @app.errorhandler(KeepfitError)
    def on_keepfit_error(error: KeepfitError) -> Response:
        if not isinstance(error, InvalidRequestError):
            site.metrics.failed_upstream(type(error).__name__)
        return error_answer(reply_to(error), str(error))

    @app.errorhandler(HTTPException)
    def on_http_error(error: HTTPException) -> Response | HTTPException:
        status = error.code or 500
        if status < 400:
            return error
        reply = HTTP_REPLIES.get(status, Reply(status, error.name, ""))
        detail = reply.advice or error.description or error.name
        if status == 413:
            detail = f"The body is larger than the {site.settings.max_body_bytes} bytes that are allowed."
        response = error_answer(Reply(status, reply.title, ""), detail)
        response.headers.extend([(name, value) for name, value in error.get_headers() if name == "Allow"])
        return response

    @app.errorhandler(InternalServerError)
    def on_crash(error: InternalServerError) -> Response:
        # The log gets the details, the client none.
        _LOGGER.error("%s %s failed", request.method, request.path, exc_info=error.original_exception or error)
        return error_answer(HTTP_REPLIES[500], "The frontend itself made a mistake.")


def _finish_answers(app: Flask, site: Site) -> None:
    @app.before_request
    def start_clock() -> None:
        g.started = time.monotonic()

    @app.after_request
    def finish(response: Response) -> Response:
        for name, value in SECURITY_HEADERS.items():
            response.headers.setdefault(name, value)
        if request.endpoint != "static":
            response.headers["Cache-Control"] = "no-store"
        route = request.url_rule.rule if request.url_rule else "unmatched"
        site.metrics.answered(route, response.status_code, time.monotonic() - g.started)
        return response


def _digest(folder: Path) -> str:
    """Return a short name of the static files' content, so that a browser fetches changed ones at once."""
    digest = hashlib.sha256()
    for file in sorted(folder.iterdir()):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]

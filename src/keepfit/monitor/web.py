"""The application behind the trainer's port: /metrics, /healthz, and /alerts for Alertmanager. Knows no sockets."""

import hmac
import logging
from collections.abc import Mapping

from flask import Flask, Response, request
from prometheus_client import CollectorRegistry, Counter, generate_latest
from werkzeug.exceptions import HTTPException

from keepfit.errors import InvalidRequestError, UnauthenticatedError
from keepfit.monitor import alerts
from keepfit.monitor.loop_metrics import LoopMetrics
from keepfit.monitor.records import Records
from keepfit.monitor.surroundings import disk_trouble
from keepfit.pipeline.notify import Notifier
from keepfit.project import Project

MAX_BODY_BYTES = 2**20
TOKEN_VARIABLE = "KEEPFIT_ALERTS_TOKEN"  # noqa: S105 - the name of a variable
_METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_LOGGER = logging.getLogger(__name__)


class Site:
    """What the routes answer."""

    def __init__(self, project: Project, environ: Mapping[str, str]) -> None:
        self._project = project
        self._records = Records(project)
        self._notifier = Notifier(project.notifications_path, project.config.notifications.urls, environ)
        self._token = environ.get(TOKEN_VARIABLE, "").strip()
        self._registry = CollectorRegistry()
        self._registry.register(LoopMetrics(project, self._records))
        self._received = Counter(
            "keepfit_alerts_received", "Alerts that Alertmanager sent, by status.", ["status"], registry=self._registry
        )
        for status in ("firing", "resolved"):
            self._received.labels(status)
        self._undelivered = Counter(
            "keepfit_alerts_undelivered", "Calls of the webhook of which nobody was told.", registry=self._registry
        )

    def metrics(self) -> Response:
        """Everything in Prometheus's text format."""
        return Response(generate_latest(self._registry), content_type=_METRICS_TYPE)

    def healthz(self) -> Response:
        """Whether a run could begin now; if not, why."""
        trouble = disk_trouble(self._project) or "; ".join(self._records.read().notes)
        return _text(503, trouble) if trouble else _text(200, "ok")

    def receive_alerts(self) -> Response:
        """Tell people what Alertmanager says; 503 makes it try again."""
        self._require_token()
        group = alerts.read(request.get_data())
        for alert in group.alerts:
            self._received.labels(alert.status).inc()
        unwritten = [problem for alert in group.alerts for problem in self._notifier.note(alert.line())]
        unsent = self._notifier.send(group.title, group.body)
        reached = len(self._notifier.urls) - len(unsent) if self._notifier.urls else not unwritten
        if not reached:
            self._undelivered.inc()
            return _text(503, "; ".join(unsent or unwritten[:1]))
        return _text(200, "told")

    def _require_token(self) -> None:
        given = request.headers.get("Authorization", "")
        if self._token and not hmac.compare_digest(given.encode(), f"Bearer {self._token}".encode()):
            raise UnauthenticatedError(f"Authorization must be 'Bearer ' and the value of {TOKEN_VARIABLE}")


def create_app(project: Project, environ: Mapping[str, str]) -> Flask:
    """Return the application of one project."""
    app = Flask("keepfit.monitor")
    app.config.update(MAX_CONTENT_LENGTH=MAX_BODY_BYTES)
    site = Site(project, environ)
    app.add_url_rule("/metrics", "metrics", site.metrics)
    app.add_url_rule("/healthz", "healthz", site.healthz)
    app.add_url_rule("/alerts", "alerts", site.receive_alerts, methods=["POST"])

    @app.errorhandler(InvalidRequestError)
    def on_bad_body(error: InvalidRequestError) -> Response:
        return _text(400, str(error))

    @app.errorhandler(UnauthenticatedError)
    def on_no_token(error: UnauthenticatedError) -> Response:
        return _text(401, str(error))

    @app.errorhandler(HTTPException)
    def on_http_error(error: HTTPException) -> Response:
        status = error.code or 500
        said = {413: f"the body is larger than the {MAX_BODY_BYTES} bytes that are allowed"}
        response = _text(status, said.get(status) or error.description or error.name)
        response.headers.extend([(name, value) for name, value in error.get_headers() if name == "Allow"])
        return response

    @app.errorhandler(500)
    def on_crash(error: HTTPException) -> Response:
        # the log gets the details, the client none
        cause = getattr(error, "original_exception", None) or error
        _LOGGER.error("%s %s failed", request.method, request.path, exc_info=cause)
        return _text(500, "the trainer itself made a mistake; its log says which")

    return app


def _text(status: int, text: str) -> Response:
    return Response(f"{text}\n", status=status, content_type="text/plain; charset=utf-8")

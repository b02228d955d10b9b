"""The frontend's Prometheus metrics, in a registry of their own. Knows nothing of requests but route and status."""

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class FrontendMetrics:
    """Counts of one application; threads may share it."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "keepfit_frontend_requests",
            "Requests answered, by route and HTTP status.",
            ["route", "status"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "keepfit_frontend_request_seconds",
            "Seconds until a request was answered, by route.",
            ["route"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._upstream_errors = Counter(
            "keepfit_frontend_upstream_errors",
            "Requests that the model server did not answer as hoped, by kind of error.",
            ["error"],
            registry=self._registry,
        )

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count one request."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def failed_upstream(self, error: str) -> None:
        """Count one error of the model server."""
        self._upstream_errors.labels(error).inc()

    def text(self) -> bytes:
        """Return everything in Prometheus's text format."""
        return generate_latest(self._registry)

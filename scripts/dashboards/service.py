"""Service: what clients get, from TensorFlow Serving's own metrics, and below that what only Keepfit's server tells."""

from dashboards.panels import (
    GREEN,
    RED,
    YELLOW,
    Json,
    dashboard,
    outcome_colors,
    query,
    series,
    stat,
    thresholds,
    words,
)

_COUNT = ':tensorflow:serving:request_count{model_name=~"$model"'
_FAULTS = 'status=~"INTERNAL|UNKNOWN|UNAVAILABLE|DEADLINE_EXCEEDED|RESOURCE_EXHAUSTED|ABORTED|DATA_LOSS"'
_RATE = "$__rate_interval"


def _quantiles(metric: str, selector: str, scale: str = "") -> list[Json]:
    return [
        query(f"histogram_quantile({share}, sum by (le) (rate({metric}_bucket{{{selector}}}[{_RATE}]))){scale}", name)
        for share, name in ((0.99, "p99"), (0.9, "p90"), (0.5, "p50"))
    ]


def make() -> Json:
    """The dashboard."""
    return dashboard(
        "keepfit-service",
        "Service",
        "What clients get: is it there, is it right, is it fast. The same for TensorFlow Serving and Keepfit's server.",
        "now-6h",
        [],
        [
            (4, list(zip((4,) * 6, _now(), strict=True))),
            (8, [(12, _outcomes()), (12, _latency())]),
            (8, [(12, _entry_points()), (12, _model_time())]),
            "Web page and /predict",
            (8, [(12, _frontend_statuses()), (12, _frontend_latency())]),
            "Only Keepfit's own server",
            (7, [(8, _rows()), (8, _waiting()), (8, _memory())]),
        ],
    )


def _now() -> list[Json]:
    up = words({0: ("down", RED), 1: ("up", GREEN)})
    share = f"sum(rate({_COUNT}, {_FAULTS}}}[5m])) / sum(rate({_COUNT}}}[5m]))"
    p99 = "histogram_quantile(0.99, sum by (le) (rate(:tensorflow:serving:request_latency_bucket"
    return [
        stat("Model server", "Whether Prometheus gets its metrics.", 'min(up{job="model-server"})', mappings=up),
        stat(
            "Version that answers",
            "The highest that the model server calls AVAILABLE; 0: none.",
            'max(keepfit_model_server_available_version{model=~"$model"})',
            thresholds=thresholds((None, RED), (1, GREEN)),
        ),
        stat("Requests", "Requests a second, of the last five minutes.", f"sum(rate({_COUNT}}}[5m]))", "reqps"),
        stat(
            "Failed by the server",
            "Share of the requests; mistakes of clients do not count. The alert is at 2 %.",
            f"({share}) or vector(0)",
            "percentunit",
            decimals=2,
            thresholds=thresholds((None, GREEN), (0.005, YELLOW), (0.02, RED)),
        ),
        stat(
            "p99 latency",
            "One in a hundred takes longer, of the last five minutes. The alert is at 500 ms.",
            f'{p99}{{model_name=~"$model"}}[5m]))) / 1e6',
            "s",
            thresholds=thresholds((None, GREEN), (0.25, YELLOW), (0.5, RED)),
        ),
        stat(
            "Firing alerts",
            "See docs/alerts.md for what each means and what to do.",
            'count(ALERTS{alertstate="firing", alertname=~"Keepfit.*"}) or vector(0)',
            thresholds=thresholds((None, GREEN), (1, RED)),
        ),
    ]


def _outcomes() -> Json:
    return series(
        "Requests by outcome",
        "OK and TensorFlow's names of what went wrong. INVALID_ARGUMENT and NOT_FOUND are mistakes of clients.",
        [query(f"sum by (status) (rate({_COUNT}}}[{_RATE}]))", "{{status}}")],
        "reqps",
        stacked=True,
        overrides=outcome_colors(),
        min=0,
    )


def _latency() -> Json:
    return series(
        "Latency",
        "Time of the requests that were answered, as the model server measures it.",
        _quantiles(":tensorflow:serving:request_latency", 'model_name=~"$model"', " / 1e6"),
        "s",
        min=0,
    )


def _entry_points() -> Json:
    by = "sum by (entrypoint, API) (rate(:tensorflow:serving:request_latency_count"
    return series(
        "Answered requests by API",
        "REST and gRPC, and which call.",
        [query(f'{by}{{model_name=~"$model"}}[{_RATE}]))', "{{entrypoint}} {{API}}")],
        "reqps",
        stacked=True,
        min=0,
    )


def _model_time() -> Json:
    return series(
        "Time in the model",
        "The part of the latency in which TensorFlow runs: if both grow, the model or the machine is slow.",
        _quantiles(":tensorflow:serving:runtime_latency", 'model_name=~"$model"', " / 1e6"),
        "s",
        min=0,
    )


def _frontend_statuses() -> Json:
    return series(
        "Frontend by status",
        "Requests to /predict by HTTP status; 503 and 504: the model server did not answer, or not in time.",
        [query(f'sum by (status) (rate(keepfit_frontend_requests_total{{route="/predict"}}[{_RATE}]))', "{{status}}")],
        "reqps",
        stacked=True,
        min=0,
    )


def _frontend_latency() -> Json:
    return series(
        "Frontend latency",
        "Time of /predict, the model server's part included.",
        _quantiles("keepfit_frontend_request_seconds", 'route="/predict"'),
        "s",
        min=0,
    )


def _rows() -> Json:
    mean = (
        f'rate(keepfit_batch_rows_sum{{model=~"$model"}}[{_RATE}])) / sum by (version) (rate(keepfit_batch_rows_count'
    )
    return series(
        "Rows of a batch",
        "How many rows of concurrent requests run together, on average.",
        [query(f'sum by (version) ({mean}{{model=~"$model"}}[{_RATE}]))', "version {{version}}")],
        min=0,
    )


def _waiting() -> Json:
    return series(
        "Requests in flight and in the queue",
        "A queue that stays means more requests than the server can answer.",
        [
            query("sum(keepfit_requests_in_flight)", "in flight"),
            query('sum(keepfit_queued_requests{model=~"$model"})', "in the queue"),
        ],
        min=0,
    )


def _memory() -> Json:
    return series(
        "Memory by version",
        "Resident memory of the process of each version; what all of them share counts in each.",
        [query('sum by (version) (keepfit_worker_memory_bytes{model=~"$model"})', "version {{version}}")],
        "bytes",
        min=0,
    )

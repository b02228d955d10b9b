"""All figures of the loop, gathered whenever somebody asks, so that a restart loses none of them."""

from collections.abc import Iterable
from datetime import UTC, datetime

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from keepfit.errors import ConfigError
from keepfit.metrics import gauge
from keepfit.monitor.drift_metrics import drift_metrics
from keepfit.monitor.published import version_metrics
from keepfit.monitor.records import Records
from keepfit.monitor.runs import run_metrics
from keepfit.monitor.surroundings import disk_metrics, serving_metrics
from keepfit.project import Project
from keepfit.schedule.when import next_time


class LoopMetrics(Collector):
    """Of one project."""

    def __init__(self, project: Project, records: Records) -> None:
        self._project = project
        self._records = records

    def collect(self) -> Iterable[Metric]:
        """Return everything (the registry calls this)."""
        model, account = self._project.config.model_name, self._records.read()
        yield gauge(
            "keepfit_ledger_readable",
            "0 if the ledger cannot be read: then the other figures are what the folders tell.",
            ("model",),
            {(model,): not account.notes},
        )
        yield from run_metrics(model, account.events)
        current = account.versions.current()
        yield from version_metrics(model, account.events, current)
        yield from drift_metrics(model, account.events, current)
        yield from self._schedule(model)
        yield from disk_metrics(self._project)
        yield from serving_metrics(self._project)

    def describe(self) -> Iterable[Metric]:
        """Return nothing: nothing is collected at registration."""
        return ()

    def _schedule(self, model: str) -> Iterable[Metric]:
        schedule = self._project.config.schedule
        try:
            due = next_time(schedule, datetime.now(UTC)) if schedule.enabled else None
        except ConfigError:  # told to a person by those who run the schedule
            due = None
        if due is not None:
            yield gauge(
                "keepfit_next_retraining_timestamp_seconds",
                "When the schedule is due next.",
                ("model",),
                {(model,): due.timestamp()},
            )

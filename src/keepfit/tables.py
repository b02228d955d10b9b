"""Tables for the terminal, and the same as JSON. Pure: values in, tables out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from keepfit.data.dataset import Dataset
from keepfit.ledger import ENDINGS, Event, deployments

_STYLES = {
    "promoted": "green",
    "rejected": "red",
    "inconclusive": "yellow",
    "invalid_data": "red",
    "failed": "red",
    "interrupted": "yellow",
}


def metrics_table(metrics: Mapping[str, Any], folder: Path | None) -> Table:
    """What a candidate reached, one measure a line."""
    table = Table.grid(padding=(0, 2))
    evaluation = metrics["evaluation"]
    if metrics["test_accuracy_percent"] is not None:
        low, high = metrics["test_accuracy_interval_percent"]
        table.add_row(
            "  test accuracy", f"{metrics['test_accuracy_percent']:.2f} %  (95 % interval {low:.2f} to {high:.2f})"
        )
    for name, title in (("r2", "R²"), ("rmse", "RMSE"), ("mae", "MAE")):
        if name in evaluation:
            table.add_row(f"  {title}", _number(evaluation[name]))
    table.add_row("  test loss", _number(metrics["test_loss"]))
    table.add_row("  training loss", _number(metrics["training_loss"]))
    table.add_row("  gate", f"{metrics['verdict']['decision']}: {escape(metrics['verdict']['reason'])}")
    if folder is not None:
        table.add_row("  candidate", escape(str(folder)))
    return table


def dataset_table(dataset: Dataset) -> Table:
    """What was recognised in a table of data."""
    target = dataset.schema.target
    classes = f": {', '.join(target.classes[:10])}{', …' if len(target.classes) > 10 else ''}" if target.classes else ""
    kinds = Counter(column.kind for column in dataset.schema.columns)
    table = Table.grid(padding=(0, 2))
    table.add_row("  rows", f"{dataset.train.rows:,} to train, {dataset.holdout.rows:,} to judge")
    table.add_row("  features", ", ".join(f"{count} {kind}" for kind, count in kinds.items()))
    table.add_row("  target", escape(f"{target.name}, {target.task}{classes}"))
    for warning in dataset.warnings:
        table.add_row("  note", escape(warning))
    return table


def history_tables(events: Sequence[Event], limit: int) -> list[Table]:
    """Deployments and endings of runs, the newest last."""
    served = Table(title="Served", title_justify="left", box=None, padding=(0, 2, 0, 0))
    for column in ("version", "from", "until", "why"):
        served.add_column(column, overflow="fold")
    for deployment in deployments(events)[-limit:]:
        until = "now" if deployment.until is None else _local(deployment.until)
        served.add_row(str(deployment.version), _local(deployment.since), until, escape(deployment.reason))
    runs = Table(title="Runs", title_justify="left", box=None, padding=(0, 2, 0, 0))
    for column in ("run", "ended", "how", "version", "why"):
        runs.add_column(column, overflow="fold")
    for event in [event for event in events if event.kind in ENDINGS][-limit:]:
        style = _STYLES.get(event.kind, "none")
        number = "" if event.version is None else str(event.version)
        runs.add_row(event.run, _local(event.at), f"[{style}]{event.kind}[/]", number, escape(event.reason))
    return [served, runs]


def history_json(events: Sequence[Event]) -> dict[str, Any]:
    """The same, and without limit, for programs."""
    return {
        "served": [
            {
                "version": deployment.version,
                "since": deployment.since.isoformat(),
                "until": deployment.until.isoformat() if deployment.until else None,
                "reason": deployment.reason,
            }
            for deployment in deployments(events)
        ],
        "runs": [
            {
                "run": event.run,
                "ended": event.at.isoformat(),
                "status": event.kind,
                "version": event.version,
                "reason": event.reason,
            }
            for event in events
            if event.kind in ENDINGS
        ],
    }


def _number(value: float | None) -> str:
    return "not a number" if value is None else f"{value:.6g}"


def _local(when: datetime) -> str:
    return when.astimezone().strftime("%Y-%m-%d %H:%M:%S")

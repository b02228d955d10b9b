"""`keepfit train` and `keepfit init`: what a candidate reached, and what was recognised in a table of data."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from keepfit.config import GateConfig
from keepfit.data.dataset import Dataset
from keepfit.pipeline.gate.margin import too_few_to_compare
from keepfit.pipeline.summary import judged
from keepfit.tables.wording import number


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
            table.add_row(f"  {title}", number(evaluation[name]))
    table.add_row("  test loss", number(metrics["test_loss"]))
    table.add_row("  training loss", number(metrics["training_loss"]))
    table.add_row("  gate", f"{metrics['verdict']['decision']}: {escape(judged(metrics['verdict']))}")
    if change := metrics["verdict"].get("change"):
        table.add_row("  to change", escape(change))
    if folder is not None:
        table.add_row("  candidate", escape(str(folder)))
        table.add_row("  report", escape(str(folder / "report.html")))
    return table


def dataset_table(dataset: Dataset) -> Table:
    """What was recognised in a table of data, and what the gate can make of it as it is by default."""
    target = dataset.schema.target
    notes = [*dataset.warnings]
    if target.classes and (advice := too_few_to_compare(dataset.holdout.rows, GateConfig())):
        notes.append(advice)
    classes = f": {', '.join(target.classes[:10])}{', …' if len(target.classes) > 10 else ''}" if target.classes else ""
    kinds = Counter(column.kind for column in dataset.schema.columns)
    table = Table.grid(padding=(0, 2))
    table.add_row("  rows", f"{dataset.train.rows:,} to train, {dataset.holdout.rows:,} to judge")
    table.add_row("  features", ", ".join(f"{count} {kind}" for kind, count in kinds.items()))
    table.add_row("  target", escape(f"{target.name}, {target.task}{classes}"))
    for note in notes:
        table.add_row("  note", escape(note))
    return table

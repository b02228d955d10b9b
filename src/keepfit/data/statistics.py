"""Statistics of checked rows: the schema's, and the description that goes into metrics.json; decides nothing."""

from collections.abc import Callable
from typing import Any

import polars as pl

from keepfit.data.recognise import Roles
from keepfit.data.schema import Column, Schema, Target

_TOP_CATEGORIES = 10

_STATISTICS: dict[str, Callable[[pl.Expr], pl.Expr]] = {
    "minimum": pl.Expr.min,
    "maximum": pl.Expr.max,
    "mean": pl.Expr.mean,
    "std": lambda values: values.std(ddof=0),
    "median": pl.Expr.median,
}


def learn(train: pl.DataFrame, roles: Roles, raw: pl.Schema) -> Schema:
    """Learn the schema from the training rows (as `conform` returns them); `raw` says which types the source had."""
    numbers = summarise(train, [name for name, kind in roles.kinds.items() if kind == "numeric"])
    columns = []
    for name, kind in roles.kinds.items():
        series = train[name]
        columns.append(
            Column(
                name,
                kind,
                str(raw[name]),
                categories=tuple(series.drop_nulls().unique().sort()) if kind == "categorical" else (),
                missing_share=series.null_count() / max(len(series), 1),
                **numbers.get(name, {}),
            )
        )
    target = Target(roles.target, roles.task, roles.classes)
    if roles.task == "regression":
        spread = summarise(train, [roles.target])[roles.target]
        target = Target(roles.target, roles.task, (), spread["mean"], spread["std"])
    return Schema(tuple(columns), target)


def summarise(frame: pl.DataFrame, names: list[str]) -> dict[str, dict[str, float]]:
    """Return minimum, maximum, mean, std and median of each named Float64 column; 0.0 where it has no value."""
    if not names:
        return {}
    values = pl.col(names)
    found = {statistic: frame.select(take(values)).row(0) for statistic, take in _STATISTICS.items()}
    return {
        name: {statistic: float(row[number] or 0.0) for statistic, row in found.items()}
        for number, name in enumerate(names)
    }


def describe(schema: Schema, train: pl.DataFrame, holdout: pl.DataFrame) -> dict[str, object]:
    """Describe the data set for metrics.json; the columns' statistics are of the training rows."""
    return {
        "rows": train.height + holdout.height,
        "train_rows": train.height,
        "holdout_rows": holdout.height,
        "columns": [_describe_column(column, train[column.name]) for column in schema.columns],
        "target": {
            "name": schema.target.name,
            "task": schema.target.task,
            "train": _describe_target(schema.target, train),
            "holdout": _describe_target(schema.target, holdout),
        },
    }


def _describe_column(column: Column, values: pl.Series) -> dict[str, object]:
    shared: dict[str, object] = {
        "name": column.name,
        "kind": column.kind,
        "dtype": column.dtype,
        "missing_share": column.missing_share,
    }
    if column.kind == "numeric":
        return shared | {statistic: getattr(column, statistic) for statistic in _STATISTICS}
    if column.kind == "boolean":
        return shared | {"true_share": values.mean()}
    top = values.drop_nulls().value_counts(sort=True).sort(["count", column.name], descending=[True, False])
    return shared | {
        "categories": len(column.categories),
        "top_categories": dict(top.head(_TOP_CATEGORIES).iter_rows()),
    }


def _describe_target(target: Target, frame: pl.DataFrame) -> dict[str, Any]:
    if target.task == "regression":
        return summarise(frame, [target.name])[target.name]
    counts = dict(frame[target.name].value_counts().iter_rows())
    return {label: counts.get(label, 0) for label in target.classes}

"""What one training run learned of its table, kept beside the model; knows nothing of where rows come from."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from keepfit.errors import DataError

Kind = Literal["numeric", "boolean", "categorical"]
Task = Literal["binary", "multiclass", "regression"]

FORMAT: Literal[1] = 1
"""Of the JSON text; raised when an older Keepfit could not read a newer text."""


@dataclass(frozen=True)
class Column:
    """A feature. All statistics are of the training rows alone, so that they may feed the model's preprocessing.

    `minimum`, `maximum`, `mean`, `std` (population) and `median` ignore missing values; they are 0.0 for columns that
    are not numeric or have no value at all. `categories` are sorted and without "", which stands for missing.
    `missing_share` is between 0 and 1. `dtype` is Polars' name of the type that the source delivered.
    """

    name: str
    kind: Kind
    dtype: str
    minimum: float = 0.0
    maximum: float = 0.0
    mean: float = 0.0
    std: float = 0.0
    median: float = 0.0
    categories: tuple[str, ...] = ()
    missing_share: float = 0.0


@dataclass(frozen=True)
class Target:
    """What is predicted. `classes` are the labels as text in the order of their indices, () for regression.

    `mean` and `std` (population) are of the training rows, and 0.0 for classification.
    """

    name: str
    task: Task
    classes: tuple[str, ...] = ()
    mean: float = 0.0
    std: float = 0.0


@dataclass(frozen=True)
class Schema:
    """The columns that a model takes, in the order of its inputs, and its target."""

    columns: tuple[Column, ...]
    target: Target
    format: Literal[1] = FORMAT

    @property
    def is_numeric(self) -> bool:
        """Whether all columns are numeric, so that the model takes one matrix (rows, columns)."""
        return all(column.kind == "numeric" for column in self.columns)

    @cached_property
    def feature_names(self) -> tuple[str, ...]:
        """The columns' names, in order."""
        return tuple(column.name for column in self.columns)

    @property
    def text_columns(self) -> list[str]:
        """The columns whose values a CSV file's reader must leave as they stand."""
        return [column.name for column in self.columns if column.kind == "categorical" and column.dtype != "Boolean"]

    def to_json(self) -> str:
        """Return the text that `from_json` turns back into an equal schema."""
        return _ADAPTER.dump_json(self, indent=2).decode()

    @staticmethod
    def from_json(text: str) -> "Schema":
        """Read what `to_json` wrote; raises DataError for anything else."""
        try:
            return _ADAPTER.validate_json(text, strict=True)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the text"
            raise DataError(f"the schema kept beside the model cannot be read: {where}: {first['msg']}") from error


_ADAPTER = TypeAdapter(Schema)

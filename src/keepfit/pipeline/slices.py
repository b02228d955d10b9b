"""The configured slices as rows of the holdout; found before the training, so that a mistake is told at once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from keepfit.config import SliceConfig
from keepfit.errors import ConfigError

MOST_VALUES = 50


@dataclass(frozen=True, eq=False)
class Slice:
    """A part of the holdout: its name, what is asked of it, and which rows it has, bool (rows,)."""

    name: str
    config: SliceConfig
    rows: NDArray[np.bool_]
    is_optional: bool

    @property
    def source(self) -> str:
        """What it was made of, the same in every run."""
        return source_of(self.config)


def source_of(config: SliceConfig) -> str:
    """The column or the condition, under its name."""
    made_of = f"column {config.column}" if config.column else f"where {config.where}"
    return f"{config.name or ''}: {made_of}"


def find_slices(configs: Sequence[SliceConfig], frame: pl.DataFrame) -> list[Slice]:
    """Find the rows of each slice in the holdout's frame; raises ConfigError for what cannot be found in it."""
    found: list[Slice] = []
    for config in configs:
        found += _by_column(config, config.column, frame) if config.column else [_by_condition(config, frame)]
    names = [part.name for part in found]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"gate.slices has two slices called {name!r}: give each a name of its own")
    return found


def _by_column(config: SliceConfig, column: str, frame: pl.DataFrame) -> Iterator[Slice]:
    """One slice a value, and one for all values that have too few rows to be judged alone."""
    if column not in frame.columns:
        raise ConfigError(f"gate.slices names the column {column!r}: the data has {_listed(frame)}")
    values = frame[column].cast(pl.String).fill_null("missing")
    counts = values.value_counts().rows()
    if len(counts) > MOST_VALUES:
        raise ConfigError(
            f"gate.slices: the column {column!r} has {len(counts):,} different values, and {MOST_VALUES} are the most: "
            f'give conditions instead, such as "where": "{column} < 10"'
        )
    name, few = config.name or column, np.zeros(frame.height, np.bool_)
    for value, count in sorted(counts):
        rows = (values == value).to_numpy()
        is_few = count < config.min_rows
        yield Slice(f"{name} = {value}", config, rows, is_few or config.optional)
        if is_few:
            few |= rows
    if few.any():
        yield Slice(f"{name}: values with few rows", config, few, is_optional=True)


def _by_condition(config: SliceConfig, frame: pl.DataFrame) -> Slice:
    text = config.where or ""
    try:
        found = frame.select(pl.sql_expr(text).alias("slice"))["slice"]
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ConfigError(
            f"gate.slices: {text!r} is no condition over the columns {_listed(frame)}: {first}"
        ) from error
    if found.dtype != pl.Boolean:
        raise ConfigError(f"gate.slices: {text!r} gives {found.dtype} values: expected a condition, such as age < 30")
    rows: Any = found.fill_null(value=False)
    if len(rows) == 1 != frame.height:
        rows = rows.new_from_index(0, frame.height)
    return Slice(config.name or text, config, rows.to_numpy(), config.optional)


def _listed(frame: pl.DataFrame) -> str:
    return ", ".join(map(repr, frame.columns[:20])) + (", …" if frame.width > 20 else "")

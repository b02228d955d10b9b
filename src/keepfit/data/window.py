"""The window of recent rows from which the holdout is taken; knows nothing of features and of the split's hashes.

It is measured from the newest row and not by the clock, so that the same data gives the same holdout on every day.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from keepfit.config import WindowConfig
from keepfit.data.recognise import is_text, require
from keepfit.data.rows import Rows
from keepfit.errors import DataError

_KEY = "data.window.column"
_MOMENT = pl.Datetime("us")


@dataclass(frozen=True, eq=False)
class Window:
    """Which rows lie in it, bool (rows,), and how a message names it."""

    rows: NDArray[np.bool_]
    shown: str


def find_window(rows: Rows, config: WindowConfig) -> Window:
    """Say which rows are of the last days before the newest one; a row without a date is none of them.

    Raises DataError if the column is missing or has something else than dates.
    """
    require(rows.frame, [config.column], _KEY)
    moments = _moments(rows, rows.frame[config.column])
    newest = moments.max()
    if not isinstance(newest, datetime):
        raise DataError(f"column {config.column!r} ({_KEY}) has no date in any row")
    recent = (moments > newest - timedelta(days=config.days)).fill_null(value=False)
    shown = f"the {config.days:g} days up to {newest:%Y-%m-%d %H:%M} by column {config.column!r} (data.window)"
    return Window(recent.to_numpy(), shown)


def _moments(rows: Rows, series: pl.Series) -> pl.Series:
    """The values as dates and times without a zone, in UTC where they have one; null for missing."""
    if series.dtype == pl.Date:
        return series.cast(_MOMENT)
    if isinstance(series.dtype, pl.Datetime):
        moments = (
            series if series.dtype.time_zone is None else series.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        )
        return moments.cast(_MOMENT)
    if not is_text(series):
        raise DataError(
            f"column {series.name!r} ({_KEY}) is of type {series.dtype}: expected dates, or dates and times"
        )
    return _parsed(rows, series.cast(pl.String).replace("", None))


def _parsed(rows: Rows, texts: pl.Series) -> pl.Series:
    """Dates as text, which is how SQLite keeps them."""
    distinct = texts.drop_nulls().unique()
    found = {text: _moment(text) for text in distinct}
    wrong = texts.is_in([text for text, moment in found.items() if moment is None]).fill_null(value=False)
    if wrong.any():
        raise DataError(
            f"column {texts.name!r} ({_KEY}) has {texts.filter(wrong)[0]!r} in {rows.locate(wrong.to_numpy())}: "
            "expected a date such as 2026-03-01, or a date and time such as 2026-03-01 14:30:00"
        )
    return texts.replace_strict(found, return_dtype=_MOMENT) if found else texts.cast(_MOMENT)


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)

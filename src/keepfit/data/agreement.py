"""Whether config.json and the source's columns still agree with the schema of earlier runs, which stands."""

from collections.abc import Iterator

import polars as pl

from keepfit.config import DataConfig
from keepfit.data.schema import Schema
from keepfit.errors import DataError

_EARLIER = "the schema of earlier runs and the served model"
_ADVICE = "change it back, or start a new schema with --new-schema"


def check_agreement(config: DataConfig, known: Schema) -> None:
    """Raise DataError if the config asks for another target, task or set of columns than the schema has."""
    target = known.target
    if config.target != target.name:
        raise DataError(f"data.target is {config.target!r}, but {_EARLIER} predict {target.name!r}: {_ADVICE}")
    if config.task not in ("auto", target.task):
        raise DataError(f"data.task is {config.task!r}, but {_EARLIER} have {target.task!r}: {_ADVICE}")
    for name in config.features or []:
        if name not in known.feature_names:
            raise DataError(f"data.features has {name!r}, but {_EARLIER} do not know it: {_ADVICE}")
    chosen = set(known.feature_names if config.features is None else config.features) - set(config.ignore)
    for name in known.feature_names:
        if name not in chosen:
            raise DataError(f"config.json leaves out {name!r}, but {_EARLIER} take it as an input: {_ADVICE}")


def ignored_columns(frame: pl.DataFrame, config: DataConfig, known: Schema | None) -> Iterator[str]:
    """Yield a warning for each column that is there and not used, or to be ignored and not there."""
    present = set(frame.columns)
    for name in config.ignore:
        if name not in present:
            yield f"data.ignore has {name!r}, but the data has no such column"
    if known and config.features is None:
        window = () if config.window is None else (config.window.column,)
        used = {*known.feature_names, known.target.name, *config.ignore, *config.split_by, *window}
        for name in frame.columns:
            if name not in used:
                yield f"column {name!r} is new and is left out: {_EARLIER} do not know it"

"""The one way from a configured source to arrays for training: load, recognise, check, split, learn.

Knows nothing of models, and imports neither TensorFlow nor SciPy nor scikit-learn.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from keepfit.config import DataConfig
from keepfit.data import sources, split, statistics, validate
from keepfit.data.agreement import check_agreement, ignored_columns
from keepfit.data.conform import conform
from keepfit.data.golden import Golden, read_golden
from keepfit.data.identity import Identity, fingerprint, identify
from keepfit.data.recognise import recognise, require, roles_of
from keepfit.data.rows import Rows
from keepfit.data.schema import Schema
from keepfit.data.table import Table, table_of
from keepfit.data.validate import Side, check_leaks
from keepfit.data.window import find_window


@dataclass(frozen=True, eq=False)
class Dataset:
    """What one run trains on and is judged on; `golden` is the frozen set beside the holdout, if there is one.

    `fingerprint` is a hash of all rows' features and targets, the same for every order of rows and columns;
    `holdout_identity` tells the holdout's rows again in later runs.
    `older_rows` lie on the holdout's side before the window, where nobody uses them.
    `recent` are those training rows that lie within the window, all of them if there is none.
    `characteristics` can be written as JSON. `warnings` are sentences for a person.
    """

    schema: Schema
    train: Table
    holdout: Table
    recent: Table
    fingerprint: str
    holdout_identity: Identity
    characteristics: dict[str, object]
    warnings: tuple[str, ...]
    golden: Golden | None = None
    older_rows: int = 0


def prepare(config: DataConfig, root: Path, seed: int, known: Schema | None) -> Dataset:
    """Load the rows, check them, split them and learn their schema; paths are relative to `root`.

    With `known`, the schema of an earlier run, its columns, kinds and classes stand, and rows that break them are
    refused; statistics are learned anew. `seed` draws synthetic rows; it has no influence on the split.
    Raises DataError.
    """
    if known:
        check_agreement(config, known)
    rows = sources.load(config, root, seed, _text_columns(config, known))
    roles = recognise(rows, config) if known is None else roles_of(known)
    typed = conform(rows, roles)
    features = split.hash_rows(typed, roles.kinds)
    aside = _split(rows, features, config)
    window = None if config.window is None else find_window(rows, config.window)
    # an older row stays out of the training all the same: it may have judged when it was recent
    trained, holdout = ~aside, aside if window is None else aside & window.rows
    validate.check_split(typed, roles, trained, holdout, "" if window is None else window.shown)
    hashes = split.hash_rows(typed, typed.columns)
    # whatever order a query or a folder gives the rows in, the same rows train the same model
    order = np.argsort(hashes, kind="stable")
    frame, ordered, learned, judged = rows.frame[order], typed[order], trained[order], holdout[order]
    train_rows, holdout_rows = ordered.filter(learned), ordered.filter(judged)
    schema = statistics.learn(train_rows, roles, frame.schema)
    golden = read_golden(config, root, schema, Side(rows, features, trained)) if config.golden_path else None
    train = table_of(schema, train_rows, frame.filter(learned))
    recent = train
    if window is not None:
        within = window.rows[order] & learned
        recent = table_of(schema, ordered.filter(within), frame.filter(within))
    return Dataset(
        schema,
        train,
        table_of(schema, holdout_rows, frame.filter(judged)),
        recent,
        fingerprint(hashes[order]),
        identify(hashes[holdout]),
        statistics.describe(schema, train_rows, holdout_rows),
        (
            *ignored_columns(rows.frame, config, known),
            *validate.warnings(typed, schema, known, holdout_rows.height),
            *(golden.warnings if golden else ()),
        ),
        golden,
        0 if window is None else int(aside.sum() - holdout.sum()),
    )


def _text_columns(config: DataConfig, known: Schema | None) -> list[str]:
    return config.categorical if known is None else known.text_columns


def _split(rows: Rows, features: NDArray[np.uint64], config: DataConfig) -> NDArray[np.bool_]:
    """Say which rows may only judge, and make sure that none of them was trained on; `features` are their hashes."""
    if rows.holdout is not None:
        holdout = rows.holdout
    elif config.split_by:
        require(rows.frame, config.split_by, "data.split_by")
        holdout = split.choose_holdout(split.hash_rows(rows.frame, config.split_by), config.holdout_fraction)
    else:
        return split.choose_holdout(features, config.holdout_fraction)
    check_leaks(Side(rows, features, holdout), Side(rows, features, ~holdout))
    return holdout

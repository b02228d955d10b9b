"""The golden set: frozen rows that every candidate answers beside the holdout, and that none is trained on."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keepfit.config import DataConfig
from keepfit.data import sources, split
from keepfit.data.conform import conform
from keepfit.data.identity import Identity, identify
from keepfit.data.recognise import require, roles_of
from keepfit.data.schema import Schema
from keepfit.data.table import Table, table_of
from keepfit.data.validate import FEW_HOLDOUT_ROWS, Side, check_leaks
from keepfit.errors import DataError

_KEY = "data.golden_path"


@dataclass(frozen=True, eq=False)
class Golden:
    """The rows, and by what a later run knows them again."""

    table: Table
    identity: Identity

    @property
    def warnings(self) -> Iterator[str]:
        """What a person should hear of."""
        if self.table.rows < FEW_HOLDOUT_ROWS:
            yield f"the golden set has only {self.table.rows} rows: the accuracy on them can be far from the true one"


def read_golden(config: DataConfig, root: Path, schema: Schema, trained: Side) -> Golden:
    """Read the rows of `data.golden_path`, which have to be of the schema and must not be among those trained on.

    Raises DataError.
    """
    rows = sources.load_golden(config, root, schema.text_columns)
    roles = roles_of(schema)
    require(rows.frame, [*roles.kinds, roles.target], _KEY)
    try:
        typed = conform(rows, roles)
    except DataError as error:
        raise DataError(f"the golden set ({_KEY}) does not fit: {error}") from error
    features = split.hash_rows(typed, roles.kinds)
    check_leaks(Side(rows, features, np.ones(typed.height, np.bool_)), trained, "the golden set's")
    return Golden(table_of(schema, typed, rows.frame), identify(split.hash_rows(typed, typed.columns)))

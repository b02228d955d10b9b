"""Where rows come from: one function a kind of source; knows nothing of their meaning."""

from collections.abc import Collection
from pathlib import Path

from keepfit.config import DataConfig
from keepfit.data import files, synthetic
from keepfit.data.rows import Part, Rows
from keepfit.errors import DataError


def load(config: DataConfig, root: Path, seed: int, text_columns: Collection[str]) -> Rows:
    """Read all rows that the config names, with paths relative to `root`; `seed` is for synthetic rows.

    `text_columns` are codes: a CSV file's 007 stays 007 there. Raises DataError.
    """
    rows = _load(config, root, seed, text_columns)
    if rows.frame.height == 0:
        raise DataError("the data has no rows")
    return rows


def load_golden(config: DataConfig, root: Path, text_columns: Collection[str]) -> Rows:
    """Read the rows of `data.golden_path`, which names files whatever the source of the others is. Raises DataError."""
    path = config.golden_path or ""
    form = _form_of(config, path)
    if config.path is not None:
        found = files.find(form, root, path, "data.golden_path")
        if both := set(found) & set(files.find(form, root, config.path, "data.path")):
            raise DataError(
                f"{min(both)} is named by data.path and by data.golden_path: golden rows are never trained on"
            )
    rows = files.read(form, root, path, None, text_columns, "data.golden_path")
    if rows.frame.height == 0:
        raise DataError("the golden set (data.golden_path) has no rows")
    return rows


def _form_of(config: DataConfig, path: str) -> files.Format:
    if config.source in ("csv", "parquet"):
        return config.source
    return "csv" if path.endswith(".csv") else "parquet"


def _load(config: DataConfig, root: Path, seed: int, text_columns: Collection[str]) -> Rows:
    match config.source:
        case "csv" | "parquet":
            return files.read(config.source, root, config.path or "", config.holdout_path, text_columns)
        case "sql":
            # SQLAlchemy takes 0.2 s to import, which the other sources need not wait for.
            from keepfit.data import sql  # noqa: PLC0415

            frame = sql.read(config.url or "", config.query or "", root)
        case "synthetic":
            frame = synthetic.make(config.synthetic, seed)
    return Rows(frame, (Part("", frame.height),))

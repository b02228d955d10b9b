"""CSV and Parquet files, folders and globs as one table; each way in which a file can be broken is a DataError.

Knows nothing of targets, features or kinds.
"""

import csv
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Literal

import polars as pl

from keepfit.data.rows import Part, Rows
from keepfit.errors import DataError

Format = Literal["csv", "parquet"]

_SUFFIXES = {"csv": (".csv",), "parquet": (".parquet", ".pq")}
_INFERRED_ROWS = 10_000
"""Lines from which a CSV column's type is taken at first; looking at all takes seven times as long as reading them."""


def read(
    form: Format,
    root: Path,
    path: str,
    holdout_path: str | None,
    text_columns: Collection[str],
    key: str = "data.path",
) -> Rows:
    """Read all files that `path` names, then those of `holdout_path`, into one table.

    Both may be a file, a folder (its *.csv, or *.parquet and *.pq) or a glob, relative to `root` or absolute; files
    are taken in the order of their names. `text_columns` of CSV files are read as they stand, so that 007 stays 007.
    `key` is the key of the config that named `path`. Raises DataError, naming the file.
    """
    files = find(form, root, path, key)
    judged = find(form, root, holdout_path, "data.holdout_path") if holdout_path else []
    if both := set(files) & set(judged):
        raise DataError(f"{min(both)} is named by data.path and by data.holdout_path: a row may lie on one side only")
    names = [_shown(file, root) for file in files + judged]
    frames = [_read_file(form, file, name, text_columns) for file, name in zip(files + judged, names, strict=True)]
    parts = [
        Part(name, frame.height, holdout=number >= len(files))
        for number, (name, frame) in enumerate(zip(names, frames, strict=True))
    ]
    return Rows(_join(frames, names), tuple(parts))


def find(form: Format, root: Path, path: str, key: str) -> list[Path]:
    """List the files that the config key's value names; raises DataError if there is none."""
    place = root / path
    try:
        if place.is_dir():
            found = sorted(file for file in place.iterdir() if file.suffix.lower() in _SUFFIXES[form])
            if not found:
                wanted = " or ".join("*" + suffix for suffix in _SUFFIXES[form])
                raise DataError(f"the folder {place} ({key}) holds no {wanted} file")
            return found
        if place.exists():
            return [place]
    except OSError as error:
        raise DataError(f"{place} ({key}) cannot be read: {error.strerror}") from error
    if found := _matches(place, key):
        return found
    raise DataError(f"there is no file {place} ({key} is {path!r})")


def _matches(pattern: Path, key: str) -> list[Path]:
    anchor = Path(pattern.anchor)
    try:
        return sorted(file for file in anchor.glob(str(pattern.relative_to(anchor))) if file.is_file())
    except ValueError as error:
        raise DataError(f"{pattern} ({key}) is not a glob: {error}") from error


def _shown(file: Path, root: Path) -> str:
    return str(file.relative_to(root)) if file.is_relative_to(root) else str(file)


def _read_file(form: Format, file: Path, name: str, text_columns: Collection[str]) -> pl.DataFrame:
    try:
        if form == "csv":
            return _read_csv(file, name, text_columns)
        return _read_parquet(file, name)
    except OSError as error:
        raise DataError(f"{name} cannot be read: {error.strerror or error}") from error
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, csv.Error) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise DataError(f"{name} is not a whole {form} file: {reason}") from error


def _read_parquet(file: Path, name: str) -> pl.DataFrame:
    if file.stat().st_size == 0:
        raise DataError(f"{name} is empty")
    return pl.read_parquet(file, hive_partitioning=False, glob=False)


def _read_csv(file: Path, name: str, text_columns: Collection[str]) -> pl.DataFrame:
    header = _header(file, name)
    as_text = {column: pl.String for column in header if column in text_columns}
    try:
        frame = _parse_csv(file, as_text, _INFERRED_ROWS)
    except pl.exceptions.PolarsError as error:
        _explain_csv(file, name, len(header), error)
        frame = _parse_csv(file, as_text, None)
    if any(_starts_empty(frame[column]) for column in frame.columns if column not in as_text):
        frame = _parse_csv(file, as_text, None)
    if frame.height and frame[:, -1].null_count():
        _refuse_ragged(file, name, len(header))
    return frame


def _parse_csv(file: Path, as_text: dict[str, type[pl.String]], inferred_rows: int | None) -> pl.DataFrame:
    return pl.read_csv(
        file, schema_overrides=as_text, infer_schema_length=inferred_rows, try_parse_dates=True, glob=False
    )


def _starts_empty(series: pl.Series) -> bool:
    """Whether all values that the type was taken from are missing, but later ones are not."""
    empty = series.head(_INFERRED_ROWS).null_count() == _INFERRED_ROWS
    return empty and series.null_count() < len(series)


def _header(file: Path, name: str) -> list[str]:
    try:
        header = next(_lines(file), [])
    except UnicodeDecodeError as error:
        raise _not_utf8(file, name) from error
    if not header:
        raise DataError(f"{name} is empty: a first line with the names of the columns is expected")
    column, count = Counter(header).most_common(1)[0]
    if count > 1:
        raise DataError(f"{name} has the column {column!r} {count} times: give each another name")
    if len(header) == 1 and any(separator in header[0] for separator in ";\t|"):
        raise DataError(f"{name} has one column only, {header[0]!r}: separate the values by commas")
    return header


def _lines(file: Path) -> Iterator[list[str]]:
    with file.open(encoding="utf-8-sig", newline="") as opened:
        yield from csv.reader(opened)


def _explain_csv(file: Path, name: str, width: int, error: Exception) -> None:
    """Raise the DataError that says what is wrong with the file; return if nothing but the types' inference failed."""
    try:
        _refuse_ragged(file, name, width)
    except UnicodeDecodeError:
        raise _not_utf8(file, name) from error


def _refuse_ragged(file: Path, name: str, width: int) -> None:
    for number, values in enumerate(_lines(file)):
        if values and len(values) != width:
            raise DataError(f"{name} is ragged: data row {number} has {len(values)} values, the header has {width}")


def _not_utf8(file: Path, name: str) -> DataError:
    with file.open("rb") as opened:
        for number, line in enumerate(opened, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                return DataError(f"{name} is not UTF-8: line {number} holds the byte 0x{line[error.start]:02x}")
    return DataError(f"{name} is not UTF-8")


def _join(frames: list[pl.DataFrame], names: list[str]) -> pl.DataFrame:
    first = frames[0]
    for frame, name in zip(frames[1:], names[1:], strict=True):
        if missing := set(first.columns) ^ set(frame.columns):
            lacking, having = (name, names[0]) if min(missing) in first.columns else (names[0], name)
            raise DataError(f"{lacking} lacks the column {min(missing)!r} that {having} has")
    aligned = [_without_empty_types(frame.select(first.columns)) for frame in frames] if len(frames) > 1 else frames
    for column in first.columns:
        _refuse_other_type(column, [frame[column] for frame in aligned], names)
    return pl.concat(aligned, how="vertical_relaxed")


def _without_empty_types(frame: pl.DataFrame) -> pl.DataFrame:
    """Take the type from columns without a value, which CSV files call text, so that it fits the other files' type."""
    empty = [name for name in frame.columns if frame[name].null_count() == frame.height]
    return frame.with_columns(pl.lit(None).alias(name) for name in empty)


def _refuse_other_type(column: str, pieces: list[pl.Series], names: list[str]) -> None:
    known: tuple[pl.DataType, str] | None = None
    for piece, name in zip(pieces, names, strict=True):
        if piece.dtype == pl.Null:
            continue
        if known and piece.dtype != known[0] and not (piece.dtype.is_numeric() and known[0].is_numeric()):
            raise DataError(f"column {column!r} is of type {known[0]} in {known[1]}, but {piece.dtype} in {name}")
        known = known or (piece.dtype, name)

"""The side of the split on which a row lies, by a hash of its values alone; knows nothing of the other rows.

The hash, 64 bits, all sums and products modulo 2**64:
- name    = first 8 bytes, little endian, of BLAKE2b(digest_size=8) of the column's name in UTF-8
- number  = splitmix64(bits of the float64 value + name), with -0.0 taken as 0.0; booleans are the texts true and false
- text    = splitmix64(BLAKE2b of the text, as for names + name)
- missing = splitmix64(name ^ MISSING), for every kind of column
- row     = splitmix64(sum over the columns)
splitmix64 is Sebastiano Vigna's finaliser (https://prng.di.unimi.it/splitmix64.c).
"""

import hashlib
from collections.abc import Iterable

import numpy as np
import polars as pl
from numpy.typing import NDArray

from keepfit.errors import DataError

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MISSING = 0x6D697373696E6721


def hash_rows(frame: pl.DataFrame, columns: Iterable[str]) -> NDArray[np.uint64]:
    """Hash the named columns of each row, uint64 (rows,); the order of columns and of rows does not matter.

    Numbers of every type hash as their float64 value, NaN and null and "" alike as missing, and everything
    else as its text. Raises DataError for columns of lists, structures, bytes or objects.
    """
    total = np.zeros(frame.height, np.uint64)
    for column in columns:
        total += _hash_column(frame[column])
    return _splitmix64(total)


def choose_holdout(hashes: NDArray[np.uint64], fraction: float) -> NDArray[np.bool_]:
    """Say which rows are for judging, bool (rows,): those whose hash, as a fraction of 2**64, is under `fraction`."""
    return hashes < np.uint64(int(fraction * 2**64))


def _hash_column(series: pl.Series) -> NDArray[np.uint64]:
    name = _hash_text(series.name)
    if series.dtype.is_numeric():
        values = series.cast(pl.Float64).to_numpy()
        missing = np.isnan(values)
        keys = (values + 0.0).view(np.uint64)
    else:
        texts = _as_text(series)
        missing = texts.is_null().to_numpy()
        keys = _hash_texts(texts)
    with np.errstate(over="ignore"):
        keys = keys + np.uint64(name)
    keys[missing] = np.uint64(name ^ _MISSING)
    return _splitmix64(keys)


def _as_text(series: pl.Series) -> pl.Series:
    if series.dtype.is_nested() or series.dtype in (pl.Binary, pl.Object):
        raise DataError(f"column {series.name!r} is of type {series.dtype}, which cannot decide the split")
    return series.cast(pl.String).replace("", None)


def _hash_texts(texts: pl.Series) -> NDArray[np.uint64]:
    unique = texts.drop_nulls().unique()
    hashes = pl.Series([_hash_text(text) for text in unique], dtype=pl.UInt64)
    return texts.replace_strict(unique, hashes, default=0, return_dtype=pl.UInt64).to_numpy(writable=True)


def _hash_text(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def _splitmix64(keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Mix each of the numbers, uint64 of any shape."""
    mixed = keys + _GOLDEN
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))

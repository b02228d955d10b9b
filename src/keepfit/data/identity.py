"""By what rows are known again in a later run: a fingerprint, and a sketch that tells how many are shared.

The sketch is the 64 smallest of the rows' hashes. Rows are hashed independently of one another, so these are a random
sample of the table, and the same rows are in the samples of two tables that share them (bottom-k sketch: Cohen &
Kaplan, Summarizing data using bottom-k sketches, PODC 2007).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SKETCH_SIZE = 64


@dataclass(frozen=True)
class Identity:
    """`fingerprint` is the same for every order of the same rows; `sketch` has hexadecimal hashes, ascending."""

    fingerprint: str
    sketch: tuple[str, ...]


def identify(hashes: NDArray[np.uint64]) -> Identity:
    """The identity of the rows with these hashes, uint64 (rows,)."""
    ordered = np.sort(hashes)
    smallest = np.unique(ordered)[:SKETCH_SIZE]
    return Identity(fingerprint(ordered), tuple(f"{int(value):016x}" for value in smallest))


def fingerprint(ordered: NDArray[np.uint64]) -> str:
    """The hash of sorted hashes."""
    return hashlib.blake2b(ordered.astype("<u8").tobytes(), digest_size=16).hexdigest()


def shared(today: Sequence[str], before: Sequence[str]) -> float:
    """About which share of today's rows was there before, between 0 and 1; exact for at most 64 rows each."""
    ends = [sketch[-1] for sketch in (today, before) if len(sketch) == SKETCH_SIZE]
    comparable = [value for value in today if not ends or value <= min(ends)]
    return len(set(comparable) & set(before)) / len(comparable) if comparable else 0.0

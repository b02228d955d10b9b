"""Remembers, for a while, the requests that killed the process which ran them, so that they are not run again.

Clients try again and again, and each time would cost all others a restart. Knows nothing of queues or processes.
"""

import hashlib
import time
from collections.abc import Callable, Mapping

from keepfit.dtypes import OBJECT, Array

REMEMBERED_S = 60.0
"""For so long an equal request is refused: long enough to tame who tries again, short if the kill came from outside."""
MAX_REMEMBERED = 256
MAX_BYTES = 2**20
"""Larger requests are not remembered: to compare them would hold up the others, for a millisecond a megabyte."""


class Culprits:
    """The requests of one version that killed its process lately."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until: dict[bytes, float] = {}
        """When each is forgotten, by its digest; the oldest first."""
        self._sizes: set[int] = set()
        """Of those, and perhaps of some forgotten ones: a request of another size need not be digested."""

    def __bool__(self) -> bool:
        return bool(self._until)

    def add(self, signature: str, outputs: tuple[str, ...], inputs: Mapping[str, Array]) -> None:
        """Remember a request."""
        size = size_of(inputs)
        if size > MAX_BYTES:
            return
        if len(self._until) >= MAX_REMEMBERED:
            del self._until[next(iter(self._until))]
        key = digest(signature, outputs, inputs)
        self._until.pop(key, None)
        self._until[key] = self._clock() + REMEMBERED_S
        self._sizes.add(size)

    def has(self, signature: str, outputs: tuple[str, ...], inputs: Mapping[str, Array]) -> bool:
        """Tell whether an equal request is remembered."""
        self._forget()
        return size_of(inputs) in self._sizes and digest(signature, outputs, inputs) in self._until

    def _forget(self) -> None:
        now = self._clock()
        while self._until and next(iter(self._until.values())) <= now:
            del self._until[next(iter(self._until))]
        if not self._until:
            self._sizes.clear()


def size_of(inputs: Mapping[str, Array]) -> int:
    """Return the bytes of what a request says, those of its strings too."""
    return sum(sum(map(len, array.flat)) if array.dtype == OBJECT else array.nbytes for array in inputs.values())


def digest(signature: str, outputs: tuple[str, ...], inputs: Mapping[str, Array]) -> bytes:
    """Return what is the same for equal requests only."""
    hashed = hashlib.blake2b(repr((signature, outputs)).encode(), digest_size=16)
    for name in sorted(inputs):
        array = inputs[name]
        hashed.update(repr((name, array.dtype.str, array.shape)).encode())
        hashed.update(repr(array.tolist()).encode() if array.dtype == OBJECT else array.tobytes())
    return hashed.digest()

"""Keeps the C library from giving memory back with each large body, only to ask for it again with the next.

Each page that comes back costs a fault: for a body of 400 kB they take six times as long as all else that is done
with it. What is larger than a body usually is still goes back at once. Knows nothing of requests.
"""

import ctypes
from typing import Final

LARGEST_KEPT_BYTES: Final = 16 * 2**20
KEPT_BYTES: Final = 64 * 2**20
"""As much may lie free at the end of the heap."""
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def keep_freed() -> None:
    """Set this for the process and those forked from it; without glibc this does nothing."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return
    mallopt(_M_MMAP_THRESHOLD, LARGEST_KEPT_BYTES)
    mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES)

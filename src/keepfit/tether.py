"""Ties a process to the one that started it, so that killing the parent leaves no part behind holding a port.

Linux only (prctl); elsewhere the supervisor's orderly stop is all there is.
"""

import ctypes
import os
import signal
import sys

VARIABLE = "KEEPFIT_PARENT"
_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """If KEEPFIT_PARENT names the parent, have the kernel send SIGTERM when it dies. Survives exec."""
    parent = os.environ.pop(VARIABLE, "")
    if not parent.isdecimal() or sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(parent):  # it died before the call
        sys.exit(1)

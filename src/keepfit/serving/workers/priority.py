"""Lets a worker that loads step back behind those that answer. Knows nothing of models.

Linux weighs threads within their group against each other, and groups against groups. With autogroups on, as in most
distributions outside of containers, each session is such a group: then what a worker does while it loads would be
taken from the share of the front and the other workers in its session, whatever its niceness (sched(7)).
"""

import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

logger = logging.getLogger(__name__)

_THREAD_NICENESS: Final = 10
_GROUP_NICENESS: Final = 19
"""At first a load takes what others leave: with less than that, fewer requests find a processor taken."""
_PATIENCE_S: Final = 10.0
"""After so long it takes more, or it would take minutes where others keep all processors busy."""
_IMPATIENT_NICENESS: Final = 5
"""A third of a share."""
_AUTOGROUP: Final = Path("/proc/self/autogroup")
_TRIES: Final = 50
_PAUSE_S: Final = 0.1
"""Who is not root may change the niceness of a group ten times a second, over the whole system."""


def begin_session() -> None:
    """Give this process a session, and with it a group, of its own."""
    with suppress(OSError):  # it has one
        os.setsid()


def lower_thread() -> None:
    """Lower the priority of this thread for good: to raise one needs a privilege."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _THREAD_NICENESS)


@contextmanager
def lowered_session(patience_s: float = _PATIENCE_S) -> Iterator[None]:
    """Lower the priority of this process's session within the block, where the system can, and less after some time."""
    if os.getsid(0) != os.getpid() or not _set_group_niceness(_GROUP_NICENESS, tries=1):
        yield
        return
    impatience = threading.Timer(patience_s, _set_group_niceness, (_IMPATIENT_NICENESS, _TRIES))
    impatience.start()
    try:
        yield
    finally:
        impatience.cancel()
        impatience.join()
        if not _set_group_niceness(0, tries=_TRIES):
            logger.warning("The priority of this worker could not be raised again after it had loaded")


def _set_group_niceness(niceness: int, tries: int) -> bool:
    for attempt in range(tries):
        if attempt:
            time.sleep(_PAUSE_S)
        try:
            _AUTOGROUP.write_text(str(niceness), encoding="ascii")
        except BlockingIOError:
            continue
        except OSError:
            return False
        return True
    return False

"""Has a thread give way again and again to others that want its processor, whatever it runs. Knows nothing of models.

Linux leaves the processor to a thread for a while even if one of more weight wakes up there, often until its next tick,
up to 4 ms later. So long those that answer would wait for one that loads, whatever its niceness. A timer of that thread
interrupts it instead, and what handles the signal is the C library's sched_yield itself: a handler in Python would run
later, and in the main thread.
"""

import ctypes
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar, Final

EVERY_NS: Final = 500_000
"""Twice as often gains nothing more."""
_SIGNAL: Final = signal.SIGURG
"""Ignored unless somebody handles it; Go's runtime interrupts its threads by it, too."""
_SIGEV_THREAD_ID: Final = 4
"""From Linux's siginfo.h, as is the layout of what follows."""


class _SigEvent(ctypes.Structure):
    _fields_: ClassVar = [
        ("value", ctypes.c_void_p),
        ("signo", ctypes.c_int),
        ("notify", ctypes.c_int),
        ("thread_id", ctypes.c_int),
        ("padding", ctypes.c_int * 11),
    ]


class _TimerSpec(ctypes.Structure):
    _fields_: ClassVar = [(name, ctypes.c_long) for name in ("interval_s", "interval_ns", "first_s", "first_ns")]


@contextmanager
def giving_way() -> Iterator[None]:
    """Have this thread give way within the block; where there are no such timers, this does nothing."""
    library = ctypes.CDLL(None)
    try:
        library.signal.argtypes, library.signal.restype = (ctypes.c_int, ctypes.c_void_p), ctypes.c_void_p
        give_way = ctypes.cast(library.sched_yield, ctypes.c_void_p)
        event = _SigEvent(signo=_SIGNAL, notify=_SIGEV_THREAD_ID, thread_id=threading.get_native_id())
        timer = ctypes.c_void_p()
        is_made = library.timer_create(time.CLOCK_MONOTONIC, ctypes.byref(event), ctypes.byref(timer)) == 0
    except AttributeError:
        is_made = False
    if not is_made:
        yield
        return
    before = library.signal(_SIGNAL, give_way)  # system calls go on after it, as signal(2) has it
    spec = _TimerSpec(interval_ns=EVERY_NS, first_ns=EVERY_NS)
    library.timer_settime(timer, 0, ctypes.byref(spec), None)
    try:
        yield
    finally:
        library.timer_delete(timer)
        library.signal(_SIGNAL, before)

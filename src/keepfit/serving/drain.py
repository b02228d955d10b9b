"""Ends a process that Envoy owns without cutting off requests. Knows signals, but nothing of requests.

Envoy ends at once on SIGTERM. So the process that becomes Envoy blocks SIGTERM and SIGINT beforehand (a mask outlives
exec); here a thread takes them, lets the requests in flight finish, and only then passes SIGTERM on to Envoy.
"""

import os
import signal
import threading
import time
from typing import Protocol

SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT})
LIMIT_S = 5.0
_FLUSH_S = 0.05
"""Between the last answer's hand-over to Envoy and the end, so that it reaches the client."""


class Drainable(Protocol):
    """Something that can refuse new requests and knows how many run."""

    draining: bool
    in_flight: int


def block() -> None:
    """Hold back the signals, in this process and whatever it becomes."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)


def on_signal(application: Drainable) -> None:
    """Start the thread that waits for a signal, if they are held back; otherwise the front handles them itself."""
    if signal.pthread_sigmask(signal.SIG_BLOCK, ()) >= SIGNALS:
        threading.Thread(target=_wait, args=(application,), name="drain", daemon=True).start()


def _wait(application: Drainable) -> None:
    signal.sigwait(SIGNALS)
    application.draining = True
    deadline = time.monotonic() + LIMIT_S
    while application.in_flight and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(_FLUSH_S)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    os.kill(os.getpid(), signal.SIGTERM)

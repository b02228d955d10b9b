"""Ends a process that Envoy owns without cutting off requests. Knows signals, but nothing of requests.

Envoy ends at once on SIGTERM. So the process that becomes Envoy blocks SIGTERM and SIGINT beforehand (a mask outlives
exec); here a thread takes them, lets the requests in flight finish, and only then passes SIGTERM on to Envoy.
"""

import os
import shutil
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Protocol

SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT})
LIMIT_S = 5.0
_FLUSH_S = 0.05
"""Between the last answer's hand-over to Envoy and the end, so that it reaches the client."""


_FOLDER_VARIABLE = "KEEPFIT_SERVING_FOLDER"


class Drainable(Protocol):
    """Something that can refuse new requests and knows how many run."""

    @property
    def in_flight(self) -> int:
        """How many requests run."""

    def drain(self) -> None:
        """Refuse new requests from now on."""


def block() -> None:
    """Hold back the signals, in this process and whatever it becomes."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)


def to_environment(folder: Path | None) -> dict[str, str]:
    """Return the variable that tells the process, once it is Envoy, which folder to remove in the end."""
    return {} if folder is None else {_FOLDER_VARIABLE: str(folder)}


def on_signal(application: Drainable, socket: str) -> None:
    """Start the thread that waits for a signal, if they are held back; otherwise the front handles them itself.

    In the end it removes the Unix socket, if there is one.
    """
    if signal.pthread_sigmask(signal.SIG_BLOCK, ()) >= SIGNALS:
        threading.Thread(target=_wait, args=(application, socket), name="drain", daemon=True).start()


def remove(socket: str) -> None:
    """Remove the Unix socket, and the front's private folder."""
    if socket:
        Path(socket).unlink(missing_ok=True)
    folder = os.environ.get(_FOLDER_VARIABLE)
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


def _wait(application: Drainable, socket: str) -> None:
    signal.sigwait(SIGNALS)
    application.drain()
    deadline = time.monotonic() + LIMIT_S
    while application.in_flight and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(_FLUSH_S)
    with suppress(OSError):  # what cannot be removed must not keep the server from ending
        remove(socket)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    os.kill(os.getpid(), signal.SIGTERM)

"""A process that has imported TensorFlow and does nothing but fork workers, so that one is ready in milliseconds.

The import takes seconds of a core, so it happens once and beside no swap; its memory is shared by all workers.
Forking is sound because nothing here ever starts a thread: TensorFlow starts its own with the first session, in the
worker. Ends when the front closes its socket, as the workers do.
"""

import gc
import importlib
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from typing import Any, NoReturn


def serve(control: socket.socket, work: Callable[[socket.socket], None]) -> None:
    """Fork a process that does the work for each descriptor that comes, until the other side closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps: who waits for a worker watches its socket
    gc.collect()
    gc.freeze()  # what was imported stays on pages shared with the workers
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not message:
            return
        if os.fork() == 0:
            control.close()
            _work(descriptors[0], work)
        os.close(descriptors[0])


def _work(descriptor: int, work: Callable[[socket.socket], None]) -> NoReturn:
    """Work in the fork, and never return into the zygote's own code."""
    code = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        with socket.socket(fileno=descriptor) as connection:
            work(connection)
        code = 0
    except BaseException:  # noqa: BLE001 - the top of a process
        traceback.print_exc()
    finally:
        os._exit(code)


def main() -> int:
    """Serve on the socket whose descriptor is the only argument."""
    with socket.socket(fileno=int(sys.argv[1])) as control:
        serve(control, import_quietly("keepfit.serving.workers.worker").serve)
    return 0


def import_quietly(name: str) -> Any:
    """Import a module without what TensorFlow's libraries print to stderr meanwhile, which no setting silences."""
    stderr = os.dup(2)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    os.close(null)
    try:
        return importlib.import_module(name)
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)


if __name__ == "__main__":
    sys.exit(main())

"""Where workers come from: forked by a zygote that has TensorFlow imported, or started afresh without one.

Knows nothing of what is sent to them.
"""

import asyncio
import logging
import os
import socket
import subprocess
import sys

from keepfit.serving.workers.worker_process import Worker

logger = logging.getLogger(__name__)


class Workers:
    """Starts workers, and the zygote that forks them."""

    def __init__(self, *, spare: bool = True) -> None:
        self._spare = spare
        self._control: socket.socket | None = None
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Start the zygote, so that its import begins at once."""
        if not self._spare:
            return
        if self._control is not None:
            self._control.close()
        self._control, theirs = socket.socketpair()
        with theirs:
            self._processes.append(_start("keepfit.serving.workers.zygote", theirs))

    async def new(self) -> Worker:
        """Return a worker without a model; requests sent to it wait until it is ready."""
        self._reap()
        ours, theirs = socket.socketpair()
        with theirs:
            if not self._spare:
                self._processes.append(_start("keepfit.serving.workers.worker", theirs))
            else:
                self._fork(theirs)
        ours.setblocking(False)
        _, worker = await asyncio.get_running_loop().create_unix_connection(Worker, sock=ours)
        return worker

    def stop(self) -> None:
        """End the zygote; workers end by themselves."""
        if self._control is not None:
            self._control.close()
            self._control = None
        for process in self._processes:
            process.kill()  # a zygote holds nothing, and may be in the middle of a long import
            process.wait()
        self._processes.clear()

    def _fork(self, channel: socket.socket) -> None:
        try:
            self._send_to_zygote(channel)
        except OSError:
            logger.warning("The process that starts workers has died; it is started again")
            self.start()
            self._send_to_zygote(channel)

    def _send_to_zygote(self, channel: socket.socket) -> None:
        if self._control is None:
            raise BrokenPipeError("there is no zygote")
        socket.send_fds(self._control, [b"F"], [channel.fileno()])

    def _reap(self) -> None:
        self._processes = [process for process in self._processes if process.poll() is None]


def _start(module: str, channel: socket.socket) -> subprocess.Popen[bytes]:
    """Start a module of ours with one end of a socket pair; it ends when the other end closes."""
    # TensorFlow does not import Keras then, which no worker needs and which takes a third of the import's time
    variables = {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_USE_LEGACY_KERAS": "1", **os.environ}
    variables["OPENBLAS_NUM_THREADS"] = "1"  # its threads would make forking unsound, see zygote.py
    return subprocess.Popen(
        [sys.executable, "-m", module, str(channel.fileno())],
        pass_fds=(channel.fileno(),),
        stdin=subprocess.DEVNULL,
        env=variables,
    )

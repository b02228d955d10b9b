"""A worker process, as the front has it: sends it frames, hears its answers and its death, ends it.

Knows nothing of models, or of how a process is started. Everything here runs on the one event loop.
"""

import asyncio
import os
import signal
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, cast

from keepfit import errors
from keepfit.dtypes import Array
from keepfit.errors import KeepfitError, UnavailableError
from keepfit.serving.workers.frames import Frame, FrameReader, Header, encode


class OnReply(Protocol):
    """What hears the answer to a request."""

    def __call__(self, reply: dict[str, Array] | KeepfitError, run_s: float = 0.0) -> None:
        """Take the outputs or the error, and how long the model ran."""


STOP_GRACE_S = 5.0
"""A worker that was told to end and has not after this long is killed."""


class Worker(asyncio.BufferedProtocol):
    """A worker process. Answers come in the order of requests, so none needs a number."""

    def __init__(self) -> None:
        self.pid: int | None = None
        self.answers = 0
        """How often it has answered, a load included."""
        self.on_lost: Callable[[], None] | None = None
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._transport: asyncio.Transport | None = None
        self._waiting: deque[OnReply] = deque()
        self._reader = FrameReader()

    def send(self, header: Header, tensors: Mapping[str, Sequence[Array]], on_reply: OnReply) -> None:
        """Send a request; on_reply gets its outputs, its error, or UnavailableError if the worker dies first."""
        if self._transport is None or self.lost.done():
            on_reply(UnavailableError("The model's process has ended"))
            return
        self._waiting.append(on_reply)
        for buffer in encode(header, tensors):
            self._transport.write(buffer)

    async def call(self, header: Header) -> dict[str, Array]:
        """Send a request without tensors and return the reply's; raises what the worker answers."""
        future: asyncio.Future[dict[str, Array]] = asyncio.get_running_loop().create_future()

        def on_reply(reply: dict[str, Array] | KeepfitError, run_s: float = 0.0) -> None:
            del run_s
            if future.done():
                return
            if isinstance(reply, KeepfitError):
                future.set_exception(reply)
            else:
                future.set_result(reply)

        self.send(header, {}, on_reply)
        return await future

    def kill(self) -> None:
        """End the process at once, as if it had died."""
        if self.pid is not None and not self.lost.done():
            os.kill(self.pid, signal.SIGKILL)

    async def stop(self) -> None:
        """End the process: ask by closing our end, kill it if that does not help."""
        self.on_lost = None
        if self._transport is not None and not self.lost.done():
            self._transport.write_eof()
        try:
            await asyncio.wait_for(asyncio.shield(self.lost), STOP_GRACE_S)
        except TimeoutError:
            self.kill()
            if self.pid is not None:
                await self.lost

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport (asyncio calls this)."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return where the next bytes go (asyncio calls this)."""
        del sizehint
        return self._reader.space()

    def buffer_updated(self, nbytes: int) -> None:
        """Hand out each reply that is complete (asyncio calls this)."""
        for frame in self._reader.take(nbytes):
            self._deliver(frame)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell everybody who waits that the process has ended (asyncio calls this)."""
        del exc
        if not self.lost.done():
            self.lost.set_result(None)
        waiting, self._waiting = self._waiting, deque()
        if self.on_lost is not None:
            self.on_lost()
        for on_reply in waiting:
            on_reply(UnavailableError("The model's process died while it ran the request"))

    def _deliver(self, frame: Frame) -> None:
        header = frame.header
        if header["op"] == "hello":
            self.pid = header["pid"]
            return
        on_reply = self._waiting.popleft()
        self.answers += 1
        if "error" in header:
            on_reply(getattr(errors, header["error"])(header["message"], **header["details"]))
        else:
            on_reply(frame.tensors, frame.run_s)

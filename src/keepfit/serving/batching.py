"""Joins concurrent requests into batches for one worker, and hands out their answers.

Requests are joined only if they have the same signature, outputs, dtypes and shapes, and the signature says that its
first dimension is the batch. Knows nothing of HTTP, or of how a worker is started.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from keepfit.dtypes import Array
from keepfit.errors import InferenceError, KeepfitError, TimedOutError, UnavailableError
from keepfit.serving.tensors import Header
from keepfit.serving.worker_process import OnReply
from keepfit.signatures import Signature

Key: TypeAlias = tuple[object, ...]

MAX_BATCH_ROWS = 1024
MAX_QUEUED = 4096
MAX_QUEUED_BYTES = 512 * 2**20
IN_FLIGHT = 2
"""Batches sent and not answered: one runs while the next already lies in the worker's socket."""
MAX_PASSED = 64
"""How many requests of other kinds are looked past to fill a batch."""
MAX_ATTEMPTS = 2
"""How often a request may be at the head of a worker that dies: it is tried once more, then it may be the culprit."""


class Runner(Protocol):
    """What a batcher needs of a worker."""

    def send(self, header: Header, tensors: Mapping[str, Sequence[Array]], on_reply: OnReply) -> None:
        """Send a request, and call on_reply once."""


@dataclass(slots=True, eq=False)
class Pending:
    """A request that waits for its answer."""

    signature: str
    outputs: tuple[str, ...]
    inputs: Mapping[str, Array]
    rows: int
    size: int
    key: Key | None
    """What it may be joined with; None if it must run alone."""
    answer: asyncio.Future[dict[str, Array]]
    attempts: int = 0


class Batcher:
    """The queue before one worker. `worker` is None while there is none: requests wait for the next."""

    def __init__(self, note_batch: Callable[[int], None]) -> None:
        self._note_batch = note_batch
        self.worker: Runner | None = None
        self._refusal: KeepfitError | None = None
        self._queue: deque[Pending] = deque()
        self._queued_bytes = 0
        self._scheduled = False
        self._batchable: dict[tuple[str, tuple[str, ...]], bool] = {}
        self._flying: deque[list[Pending]] = deque()
        self._running_at_death: list[Pending] | None = None
        self._returned = 0
        """How many at the queue's head have come back from the worker that died, in their order."""
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def idle(self) -> asyncio.Event:
        """Set while nothing waits and nothing runs."""
        return self._idle

    def set_worker(self, worker: Runner) -> None:
        """Take a new worker; what waits goes to it."""
        self.worker = worker
        self._refusal = None
        self._returned = 0
        self._dispatch()

    def lose_worker(self) -> None:
        """Let requests wait for the next worker; must be called before what was in flight is answered."""
        self.worker = None
        self._running_at_death = self._flying[0] if self._flying else None

    def refuse(self, error: KeepfitError) -> None:
        """Answer all that waits, and all that comes until there is a worker again, with an error."""
        self.worker = None
        self._refusal = error
        while self._queue:
            self._finish(self._pop(), error)
        self._note_idle()

    async def run(
        self, signature: Signature, inputs: Mapping[str, Array], outputs: tuple[str, ...], timeout_s: float
    ) -> dict[str, Array]:
        """Return the outputs of one request.

        Raises UnavailableError at once if too much waits already, TimedOutError, or what the model answers.
        """
        if self._refusal is not None:
            raise self._refusal
        size = sum(array.nbytes for array in inputs.values())
        if len(self._queue) >= MAX_QUEUED or self._queued_bytes + size > MAX_QUEUED_BYTES:
            raise UnavailableError("The queue of requests to this model is full; try again later")
        loop = asyncio.get_running_loop()
        pending = Pending(
            signature=signature.name,
            outputs=outputs,
            inputs=inputs,
            rows=_rows(inputs),
            size=size,
            key=self._key(signature, inputs, outputs),
            answer=loop.create_future(),
        )
        self._idle.clear()
        self._queue.append(pending)
        self._queued_bytes += size
        if not self._scheduled and len(self._flying) < IN_FLIGHT:
            # After the requests that arrived together with this one, so that they share a batch.
            self._scheduled = True
            loop.call_soon(self._dispatch)
        timer = loop.call_later(timeout_s, self._expire, pending, timeout_s)
        try:
            return await pending.answer
        finally:
            timer.cancel()

    def _key(self, signature: Signature, inputs: Mapping[str, Array], outputs: tuple[str, ...]) -> Key | None:
        """Return what must be equal for two requests to be joined, or None if this one cannot be joined with any."""
        call = (signature.name, outputs)
        if call not in self._batchable:
            self._batchable[call] = _is_batchable(signature, outputs)
        if not self._batchable[call] or len(inputs) != len(signature.inputs):
            return None
        if len(inputs) > 1 and len({array.shape[0] for array in inputs.values()}) > 1:
            return None
        return (call, *((name, array.dtype, array.shape[1:]) for name, array in inputs.items()))

    def _expire(self, pending: Pending, timeout_s: float) -> None:
        self._finish(pending, TimedOutError(f"Not answered within {timeout_s:g} s"))

    def _dispatch(self) -> None:
        self._scheduled = False
        while self.worker is not None and self._queue and len(self._flying) < IN_FLIGHT:
            batch = self._next_batch()
            if batch:
                self._send(self.worker, batch)
        self._note_idle()

    def _send(self, worker: Runner, batch: list[Pending]) -> None:
        first = batch[0]
        self._flying.append(batch)
        self._note_batch(sum(pending.rows for pending in batch))
        worker.send(
            {"op": "run", "signature": first.signature, "outputs": first.outputs},
            {name: [pending.inputs[name] for pending in batch] for name in first.inputs},
            lambda reply: self._answered(batch, reply),
        )

    def _next_batch(self) -> list[Pending]:
        """Take the oldest request and those behind it that can be joined with it; skip those given up."""
        batch: list[Pending] = []
        rows = 0
        passed: list[Pending] = []
        while self._queue:
            pending = self._pop()
            if pending.answer.done():
                continue
            if batch and (pending.key is None or pending.key != batch[0].key or rows + pending.rows > MAX_BATCH_ROWS):
                passed.append(pending)
                if len(passed) == MAX_PASSED:
                    break
                continue
            batch.append(pending)
            rows += pending.rows
            if pending.key is None:
                break
        for pending in reversed(passed):
            self._push_front(pending)
        return batch

    def _answered(self, batch: list[Pending], reply: dict[str, Array] | KeepfitError) -> None:
        self._flying.remove(batch)
        if isinstance(reply, UnavailableError):
            self._retry(batch, was_running=batch is self._running_at_death, error=reply)
        elif isinstance(reply, KeepfitError):
            self._fail(batch, reply)
        elif len(batch) == 1:
            self._finish(batch[0], reply)
        else:
            self._split(batch, reply)
        self._dispatch()

    def _retry(self, batch: list[Pending], *, was_running: bool, error: KeepfitError) -> None:
        """The worker died: predictions change nothing, so they can be repeated, but alone, to find the culprit."""
        for pending in batch:
            pending.attempts += was_running
            pending.key = None
            if pending.attempts >= MAX_ATTEMPTS:
                self._finish(pending, error)
            elif not pending.answer.done():
                self._queue.insert(self._returned, pending)
                self._queued_bytes += pending.size
                self._returned += 1

    def _fail(self, batch: list[Pending], error: KeepfitError) -> None:
        """One request of a batch can spoil it: each is run alone, so that only the culprit fails."""
        if len(batch) == 1:
            self._finish(batch[0], error)
            return
        for pending in reversed(batch):
            pending.key = None
            self._push_front(pending)

    def _split(self, batch: list[Pending], outputs: dict[str, Array]) -> None:
        total = sum(pending.rows for pending in batch)
        if any(array.ndim == 0 or array.shape[0] != total for array in outputs.values()):
            self._fail(batch, InferenceError("The model's outputs do not have one row for each row of its inputs"))
            return
        start = 0
        for pending in batch:
            end = start + pending.rows
            self._finish(pending, {name: array[start:end] for name, array in outputs.items()})
            start = end

    def _finish(self, pending: Pending, result: dict[str, Array] | KeepfitError) -> None:
        if pending.answer.done():
            return
        if isinstance(result, KeepfitError):
            pending.answer.set_exception(result)
        else:
            pending.answer.set_result(result)

    def _pop(self) -> Pending:
        pending = self._queue.popleft()
        self._queued_bytes -= pending.size
        return pending

    def _push_front(self, pending: Pending) -> None:
        self._queue.appendleft(pending)
        self._queued_bytes += pending.size

    def _note_idle(self) -> None:
        if not self._queue and not self._flying:
            self._idle.set()


def _rows(inputs: Mapping[str, Array]) -> int:
    return max((array.shape[0] for array in inputs.values() if array.ndim), default=1)


def _is_batchable(signature: Signature, outputs: tuple[str, ...]) -> bool:
    """Tell whether a signature says that the first dimension of all its tensors is the batch."""
    specs = (*signature.inputs.values(), *(signature.outputs[name] for name in outputs))
    return all(spec.shape and spec.shape[0] is None for spec in specs)

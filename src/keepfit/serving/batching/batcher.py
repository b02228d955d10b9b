"""Joins concurrent requests into batches for the workers of one version, and hands out their answers.

Requests are joined only if they have the same signature, outputs, dtypes and shapes, and the signature says that its
first dimension is the batch. Knows nothing of HTTP, or of how a worker is started.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping

from keepfit.dtypes import Array
from keepfit.errors import (
    DeadlyRequestError,
    InferenceError,
    InvalidRequestError,
    KeepfitError,
    TimedOutError,
    UnavailableError,
)
from keepfit.serving.batching import culprits, joining
from keepfit.serving.batching.culprits import Culprits
from keepfit.serving.batching.deadlines import Deadlines
from keepfit.serving.batching.kinds import Kind, Kinds
from keepfit.serving.batching.lane import Lane, Runner
from keepfit.serving.batching.patrol import Patrol
from keepfit.serving.batching.request_queue import Pending, RequestQueue
from keepfit.serving.batching.vigil import Vigil
from keepfit.serving.requests.timing import Timing, now
from keepfit.serving.settings.batching_config import Batching
from keepfit.signatures import Signature, first_name

MAX_QUEUED = 4096
MAX_QUEUED_BYTES = 512 * 2**20
MAX_ATTEMPTS = 2
"""How often a request may be at the head of a worker that dies: it is tried once more, then it is the culprit."""
_DEADLY = "The model's process died each time that it ran the request; it is not run again"
_KNOWN = "The model's process died each time that it ran an equal request a short while ago; it is not run again"


class Batcher:
    """The queue before the workers of a version. While there are none, requests wait for the next."""

    def __init__(
        self,
        note_batch: Callable[[int], None],
        batching: Batching | None = None,
        note_run: Callable[[float], None] | None = None,
    ) -> None:
        self._note_batch = note_batch
        self._note_run = note_run
        self.batching = batching or Batching()
        self._lanes: list[Lane] = []
        self._refusal: KeepfitError | None = None
        self._queue = RequestQueue()
        self._scheduled = False
        self._waiting: asyncio.TimerHandle | None = None
        """Dispatches when the oldest request has waited for others long enough."""
        self._kinds = Kinds()
        self._patrol = Patrol(self._lanes)
        self._deadlines = Deadlines(self._open, self._expire, self._patrol.begin)
        self._vigil = Vigil()
        self._is_quick = True
        """Whether the last batch ran for less time than is stayed awake for."""
        self._returned = 0
        """How many at the queue's head have come back from a worker that died, in their order."""
        self._culprits = Culprits()
        self.has_answered = False
        """Whether a worker has ever answered a request."""
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def idle(self) -> asyncio.Event:
        """Set while nothing waits and nothing runs."""
        return self._idle

    @property
    def waiting(self) -> int:
        """How many requests wait."""
        return len(self._queue)

    @property
    def has_worker(self) -> bool:
        """Whether there is a worker to take requests."""
        return bool(self._lanes)

    def add_worker(self, worker: Runner) -> None:
        """Take a new worker; what waits goes to it."""
        self._lanes.append(Lane(worker))
        self._refusal = None
        self._returned = 0
        self._dispatch()

    def lose_worker(self, worker: Runner) -> bool:
        """Let requests wait for another worker, and tell whether this one died while it ran some.

        Must be called before what was in flight is answered.
        """
        self._returned = 0
        for lane in [lane for lane in self._lanes if lane.worker is worker]:
            self._lanes.remove(lane)
            lane.running_at_death = lane.flying[0] if lane.flying else None
            return lane.running_at_death is not None
        return False

    def refuse(self, error: KeepfitError) -> None:
        """Answer all that waits, and all that comes until there is a worker again, with an error."""
        self._lanes.clear()
        self._refusal = error
        while self._queue:
            self._finish(self._queue.pop(), error)
        self._deadlines.stop()
        self._patrol.stop()
        self._note_idle()

    def run(
        self, signature: Signature, inputs: Mapping[str, Array], outputs: tuple[str, ...], timing: Timing
    ) -> Awaitable[dict[str, Array]]:
        """Take a request, and return its outputs as they come.

        Raises UnavailableError at once if too much waits already; awaiting it raises TimedOutError, or what the model
        answers.
        """
        kind = self._kinds.of(signature, inputs, outputs, by_rank=self.batching.pads_inputs)
        rows = joining.rows_of(inputs)
        if kind is not None and self.batching.max_request_size is not None:
            if rows > self.batching.max_request_size:
                raise InvalidRequestError(
                    f"Task size {rows} is larger than maximum input batch size {self.batching.max_request_size}"
                )
            if self.batching.splits and rows > self.batching.max_batch_size:
                pieces = joining.cut(inputs, rows, self.batching.max_batch_size)
                return self._ask_in_pieces(signature.name, pieces, outputs, timing, kind)
        return self._ask(signature.name, inputs, outputs, timing, kind)

    def _ask_in_pieces(
        self, signature: str, pieces: list[dict[str, Array]], outputs: tuple[str, ...], timing: Timing, kind: Kind
    ) -> Awaitable[dict[str, Array]]:
        answers: list[asyncio.Future[dict[str, Array]]] = []
        try:
            answers.extend(self._ask(signature, piece, outputs, timing, kind) for piece in pieces)
        except KeepfitError:
            for answer in answers:
                answer.cancel()  # nobody waits for the pieces that were taken
            raise
        return _all(answers)

    def _ask(
        self, signature: str, inputs: Mapping[str, Array], outputs: tuple[str, ...], timing: Timing, kind: Kind | None
    ) -> "asyncio.Future[dict[str, Array]]":
        loop = asyncio.get_running_loop()
        pending = Pending(
            signature=signature,
            outputs=outputs,
            inputs=inputs,
            rows=joining.rows_of(inputs),
            size=sum([array.nbytes for array in inputs.values()]),
            kind=kind,
            since_s=loop.time(),
            answer=loop.create_future(),
            timing=timing,
        )
        timing.note_queued(first_name(signature), pending.rows)
        if self._culprits and self._is_culprit(pending):
            raise DeadlyRequestError(_KNOWN)
        self._enqueue(pending)
        self._deadlines.add(pending.deadline_s)
        if not self._scheduled and self._lane() is not None:
            # After the requests that arrived together with this one, so that they share a batch.
            self._scheduled = True
            loop.call_soon(self._dispatch)
        return pending.answer

    def _is_culprit(self, pending: Pending) -> bool:
        return self._culprits.has(pending.signature, pending.outputs, pending.inputs)

    def _enqueue(self, pending: Pending) -> None:
        if self._refusal is not None:
            raise self._refusal
        waiting = self._queue.bytes  # a request that is larger than all that may wait is taken when none does
        if len(self._queue) >= MAX_QUEUED or (waiting and waiting + pending.size > MAX_QUEUED_BYTES):
            raise UnavailableError("The queue of requests to this model is full; try again later")
        if self._is_full_for(pending):
            self._dispatch()  # those that came together with this one may still wait for their turn
            if self._is_full_for(pending):
                raise UnavailableError("The batch scheduling queue to which this task was submitted is full")
        self._idle.clear()
        self._queue.append(pending)

    def _is_full_for(self, pending: Pending) -> bool:
        limit = self.batching.max_enqueued_batches
        if limit is None or pending.kind is None:
            return False
        batches = -(-(pending.kind.rows + pending.rows) // self.batching.max_batch_size)
        return batches > max(1, limit)

    def _open(self) -> Iterator[Pending]:
        """Yield all that has no answer yet."""
        flying = (pending for lane in self._lanes for batch in lane.flying for pending in batch)
        for pending in (*self._queue, *flying):
            if not pending.answer.done():
                yield pending

    def _expire(self, pending: Pending) -> None:
        self._finish(
            pending,
            TimedOutError(f"Timed out waiting for notification: no answer within {pending.timing.timeout_s:g} s"),
        )

    def _lane(self) -> Lane | None:
        """Return the worker that has least to do, or None if all have enough."""
        if not self._lanes:
            return None
        lane = self._lanes[0] if len(self._lanes) == 1 else min(self._lanes, key=lambda lane: len(lane.flying))
        return lane if len(lane.flying) < self.batching.in_flight else None

    def _dispatch(self) -> None:
        self._scheduled = False
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
        while self._queue and (lane := self._lane()) is not None:
            if (wait_s := self._wait_s()) > 0:
                self._waiting = asyncio.get_running_loop().call_later(wait_s, self._dispatch)
                return
            batch = self._queue.take(self.batching.max_batch_size, self._share(lane))
            if batch:
                self._send(lane, batch)
        self._note_idle()

    def _wait_s(self) -> float:
        """Return how much longer the oldest request should wait for others."""
        oldest = self._queue.oldest
        if not self.batching.timeout_s or oldest.kind is None or oldest.answer.done():
            return 0.0
        if oldest.kind.rows >= self.batching.max_batch_size:
            return 0.0
        return oldest.since_s + self.batching.timeout_s - asyncio.get_running_loop().time()

    def _share(self, lane: Lane) -> int:
        """Return how many requests one worker takes, so that others which are as free get their part."""
        equals = sum(len(other.flying) == len(lane.flying) for other in self._lanes)
        return -(-len(self._queue) // equals)

    def _send(self, lane: Lane, batch: list[Pending]) -> None:
        first = batch[0]
        is_alone = len(batch) == 1 and not self._queue and not any(other.flying for other in self._lanes)
        awake_s = self.batching.awake_s if is_alone and self._is_quick else 0.0
        lane.flying.append(batch)
        rows = sum([pending.rows for pending in batch])
        self._note_batch(rows)
        requests = [pending.inputs for pending in batch]
        if self.batching.pads_inputs and len(batch) > 1:
            requests = joining.widen(requests)
        padding = self.batching.padded_size(rows) - rows if first.kind is not None else 0
        lane.worker.send(
            {"op": "run", "signature": first.signature, "outputs": first.outputs, "awake_s": awake_s},
            joining.join(requests, padding),
            lambda reply, run_s=0.0: self._answered(lane, batch, padding, reply, run_s),
        )
        if awake_s:
            self._vigil.begin(awake_s)

    def _answered(
        self, lane: Lane, batch: list[Pending], padding: int, reply: dict[str, Array] | KeepfitError, run_s: float
    ) -> None:
        answered = now()
        self._vigil.end()
        self._is_quick = run_s < self.batching.awake_s
        for pending in batch:
            pending.timing.note_answered(answered, run_s)
        lane.flying.remove(batch)
        if isinstance(reply, UnavailableError):
            self._retry(batch, was_running=batch is lane.running_at_death)
            self._dispatch()
            return
        self.has_answered = True
        if self._note_run is not None and run_s:
            self._note_run(run_s)
        if isinstance(reply, KeepfitError):
            self._fail(batch, padding, reply)
        elif len(batch) == 1 and not padding:
            self._finish(batch[0], reply)
        else:
            self._split(batch, padding, reply)
        self._dispatch()

    def _retry(self, batch: list[Pending], *, was_running: bool) -> None:
        """The worker died: predictions change nothing, so they can be repeated.

        Those that it ran are suspect: they are run alone, to find the culprit, and after all others, to spare them.
        """
        is_sure = was_running and len(batch) == 1 and self._is_suspected(batch[0])
        for pending in batch:
            pending.attempts += was_running
            pending.kind = None if was_running else pending.kind
            if is_sure or pending.attempts >= MAX_ATTEMPTS:
                self._convict(pending)
            elif pending.answer.done():
                continue
            elif self._refusal is not None:
                self._finish(pending, self._refusal)
            elif self._culprits and self._is_culprit(pending):
                self._finish(pending, DeadlyRequestError(_KNOWN))
            elif was_running:
                self._queue.append(pending)
            else:
                self._queue.insert(self._returned, pending)
                self._returned += 1

    def _is_suspected(self, pending: Pending) -> bool:
        """Tell whether an equal one, which ran as well when a process died, waits to be run again."""
        size = culprits.size_of(pending.inputs)
        suspects = [one for one in self._queue if one.attempts and not one.answer.done()]
        suspects = [one for one in suspects if culprits.size_of(one.inputs) == size]
        if not suspects or size > culprits.MAX_BYTES:
            return False
        digest = culprits.digest(pending.signature, pending.outputs, pending.inputs)
        return any(culprits.digest(one.signature, one.outputs, one.inputs) == digest for one in suspects)

    def _convict(self, culprit: Pending) -> None:
        """Answer a request that killed a process, and those that wait and are equal."""
        self._culprits.add(culprit.signature, culprit.outputs, culprit.inputs)
        self._finish(culprit, DeadlyRequestError(_DEADLY))
        for pending in self._queue:
            if pending.size == culprit.size and self._is_culprit(pending):
                self._finish(pending, DeadlyRequestError(_KNOWN))

    def _fail(self, batch: list[Pending], padding: int, error: KeepfitError) -> None:
        """One request of a batch can spoil it: each is run alone, so that only the culprit fails."""
        if len(batch) == 1 and not padding:
            self._finish(batch[0], error)
            return
        for pending in reversed(batch):
            pending.kind = None
            self._queue.insert(0, pending)

    def _split(self, batch: list[Pending], padding: int, outputs: dict[str, Array]) -> None:
        parts = joining.split(outputs, [*(pending.rows for pending in batch), padding])
        if parts is None:
            error = InferenceError("The model's outputs do not have one row for each row of its inputs")
            self._fail(batch, padding, error)
            return
        for pending, part in zip(batch, parts, strict=False):
            self._finish(pending, part)

    def _finish(self, pending: Pending, result: dict[str, Array] | KeepfitError) -> None:
        if pending.answer.done():
            return
        if isinstance(result, KeepfitError):
            pending.answer.set_exception(result)
        else:
            pending.answer.set_result(result)

    def _note_idle(self) -> None:
        if not self._queue and not any(lane.flying for lane in self._lanes):
            self._idle.set()


async def _all(answers: list["asyncio.Future[dict[str, Array]]"]) -> dict[str, Array]:
    return joining.concatenate(await asyncio.gather(*answers))

"""The requests that wait before one version, oldest first, and the choice of those that share a batch.

Knows what may be joined with what; knows nothing of workers or time-outs.
"""

import asyncio
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from keepfit.dtypes import Array
from keepfit.serving.batching.kinds import Kind
from keepfit.serving.requests.timing import Timing

MAX_PASSED = 64
"""How many requests of other kinds are looked past to fill a batch."""


@dataclass(slots=True, eq=False)
class Pending:
    """A request that waits for its answer."""

    signature: str
    outputs: tuple[str, ...]
    inputs: Mapping[str, Array]
    rows: int
    size: int
    kind: Kind | None
    """What it may be joined with; None if it must run alone. Changed only while it is not in the queue."""
    since_s: float
    answer: asyncio.Future[dict[str, Array]]
    timing: Timing
    attempts: int = 0

    @property
    def deadline_s(self) -> float:
        """When it is given up."""
        return self.since_s + self.timing.timeout_s


class RequestQueue:
    """Requests in their order, and how much they are."""

    def __init__(self) -> None:
        self._pending: deque[Pending] = deque()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._pending)

    def __iter__(self) -> Iterator[Pending]:
        return iter(self._pending)

    @property
    def oldest(self) -> Pending:
        """The request that waits longest; there must be one."""
        return self._pending[0]

    def insert(self, index: int, pending: Pending) -> None:
        """Put a request before the one at that index."""
        self._pending.insert(index, pending)
        self._count(pending, 1)

    def append(self, pending: Pending) -> None:
        """Put a request behind all others."""
        self._pending.append(pending)
        self._count(pending, 1)

    def pop(self) -> Pending:
        """Take the oldest request; there must be one."""
        pending = self._pending.popleft()
        self._count(pending, -1)
        return pending

    def take(self, max_rows: int, max_requests: int) -> list[Pending]:
        """Take the oldest request and those behind it that can be joined with it; drop those given up."""
        batch: list[Pending] = []
        rows = 0
        passed: list[Pending] = []
        while self._pending and len(batch) < max_requests:
            pending = self.pop()
            if pending.answer.done():
                continue
            if batch and (pending.kind is not batch[0].kind or rows + pending.rows > max_rows):
                passed.append(pending)
                if len(passed) == MAX_PASSED:
                    break
                continue
            batch.append(pending)
            rows += pending.rows
            if pending.kind is None:
                break
        for pending in reversed(passed):
            self.insert(0, pending)
        return batch

    def _count(self, pending: Pending, sign: int) -> None:
        self.bytes += sign * pending.size
        if pending.kind is not None:
            pending.kind.rows += sign * pending.rows

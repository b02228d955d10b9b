"""A worker as a batcher has it: what it is asked to do, and the batches that it has not answered.

Decides nothing; knows no queue.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from keepfit.dtypes import Array
from keepfit.serving.batching.request_queue import Pending
from keepfit.serving.workers.frames import Header
from keepfit.serving.workers.worker_process import OnReply


class Runner(Protocol):
    """What a batcher needs of a worker."""

    def send(self, header: Header, tensors: Mapping[str, Sequence[Array]], on_reply: OnReply) -> None:
        """Send a request, and call on_reply once."""

    def kill(self) -> None:
        """End it at once; what it has is answered, and whoever owns it hears of its death."""


@dataclass(slots=True, eq=False)
class Lane:
    """A worker, and the batches that it has and has not answered, in their order."""

    worker: Runner
    flying: deque[list[Pending]] = field(default_factory=deque)
    running_at_death: list[Pending] | None = None

    @property
    def abandoned(self) -> list[Pending] | None:
        """The batch that runs, if nobody waits for it any more."""
        running = self.flying[0] if self.flying else []
        return running if running and all(pending.answer.done() for pending in running) else None

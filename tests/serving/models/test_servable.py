"""A version with several processes, of which the test says when they answer and when they die."""

import asyncio

import numpy as np
from prometheus_client import CollectorRegistry

from keepfit.errors import ModelLoadError
from keepfit.serving.metrics.counting import ServingMetrics
from keepfit.serving.models import replica
from keepfit.serving.models.policy import State
from keepfit.serving.models.servable import Servable
from keepfit.serving.settings import batching_config
from keepfit.serving.workers.load_request import LoadRequest


class FakeWorker:
    pid = 1

    def __init__(self):
        self.on_lost = None
        self.lost = asyncio.get_running_loop().create_future()
        self.loaded = asyncio.Event()
        self.is_stopped = False

    async def call(self, header):
        assert header["op"] == "load"
        await self.loaded.wait()
        return {"seconds": np.array([0.1, -1.0]), "signatures": np.array([], np.uint8)}

    async def stop(self):
        self.is_stopped = True

    def die(self):
        self.lost.set_result(None)
        self.on_lost()


class FakeWorkers:
    """Has only so many processes to give."""

    def __init__(self, *workers):
        self.left = list(workers)

    async def new(self):
        if not self.left:
            raise OSError("no more processes")
        return self.left.pop(0)


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in tasks of the version's
            await asyncio.sleep(0.01)


def test_version_that_was_given_up_while_its_second_process_loaded_stays_at_its_end(monkeypatch, tmp_path):
    monkeypatch.setattr(replica, "RESTART_DELAYS_S", (0.0, 0.0))

    async def scenario():
        first, second = FakeWorker(), FakeWorker()
        workers, observer = FakeWorkers(first, second), ServingMetrics(CollectorRegistry())
        servable = Servable(
            "m", 1, tmp_path, workers, LoadRequest(), batching_config.of_none, 2, observer, lambda _: None
        )
        servable.begin(State.LOADING)
        loading = asyncio.ensure_future(servable.load())
        first.loaded.set()
        await until(lambda: not workers.left)
        first.die()
        await until(lambda: servable.state is State.END)
        second.loaded.set()
        await asyncio.wait_for(loading, 20)
        assert servable.state is State.END
        assert isinstance(servable.error, ModelLoadError)
        assert second.is_stopped

    asyncio.run(scenario())

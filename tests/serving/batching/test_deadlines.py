"""Deadlines, on a real loop."""

import asyncio
from dataclasses import dataclass

from keepfit.serving.batching.deadlines import PAUSE_S, Deadlines


@dataclass(eq=False)
class Task:
    deadline_s: float


class Bench:
    def __init__(self):
        self.tasks = []
        self.expired = []
        self.changed = asyncio.Event()
        self.deadlines = Deadlines(lambda: self.tasks, self.expire, lambda: None)

    def add(self, in_s):
        task = Task(asyncio.get_running_loop().time() + in_s)
        self.tasks.append(task)
        self.deadlines.add(task.deadline_s)
        return task

    def expire(self, task):
        assert asyncio.get_running_loop().time() >= task.deadline_s
        self.tasks.remove(task)
        self.expired.append(task)
        self.changed.set()

    async def expect(self, *tasks):
        while len(self.expired) < len(tasks):
            self.changed.clear()
            await asyncio.wait_for(self.changed.wait(), 10)
        assert self.expired == list(tasks)


def test_each_ends_at_its_deadline_in_whatever_order_they_came():
    async def scenario():
        bench = Bench()
        late, early, later = bench.add(0.05), bench.add(0.01), bench.add(600)
        await bench.expect(early, late)
        assert bench.tasks == [later]
        bench.deadlines.stop()

    asyncio.run(scenario())


def test_deadlines_close_together_are_looked_at_together():
    async def scenario():
        looks = []
        bench = Bench()
        bench.deadlines = Deadlines(lambda: looks.append(1) or bench.tasks, bench.expire, lambda: None)
        tasks = [bench.add(number * PAUSE_S / 100) for number in range(200)]
        await bench.expect(*tasks)
        assert len(looks) <= 10

    asyncio.run(scenario())


def test_after_a_stop_nothing_ends_until_something_is_added():
    async def scenario():
        bench = Bench()
        first = bench.add(0.0)
        bench.deadlines.stop()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert bench.expired == []
        second = bench.add(0.0)
        await bench.expect(first, second)

    asyncio.run(scenario())

"""Batches, with a runner that answers when the test says so."""

import asyncio

import numpy as np
import pytest

from keepfit.errors import DeadlyRequestError, InferenceError, InvalidRequestError, TimedOutError, UnavailableError
from keepfit.serving.batching import batcher, patrol
from keepfit.serving.batching.batcher import Batcher
from keepfit.serving.requests.timing import Timing
from keepfit.serving.settings.batching_config import Batching
from keepfit.signatures import Signature, TensorSpec


def signature(first_dimension=None):
    return Signature(
        "s",
        "",
        {"x": TensorSpec("x", "x:0", "float32", (first_dimension, 1))},
        {"y": TensorSpec("y", "y:0", "float32", (None, 1))},
    )


class FakeWorker:
    """Keeps what is sent; answers twice the input."""

    def __init__(self):
        self.sent = []
        self.asked = asyncio.Event()
        self.killed = False

    def send(self, header, tensors, on_reply):
        assert header["op"] == "run"
        self.sent.append((np.concatenate(tensors["x"]), on_reply))
        self.asked.set()

    def kill(self):
        self.killed = True

    def answer(self, error=None):
        x, on_reply = self.sent.pop(0)
        on_reply({"y": x * 2} if error is None else error)


def rows(*values):
    return {"x": np.array([[value] for value in values], np.float32)}


async def settle():
    for _ in range(5):
        await asyncio.sleep(0)


class Bench:
    def __init__(self, batching=None):
        self.batches = []
        self.batcher = Batcher(self.batches.append, batching)
        self.worker = FakeWorker()
        self.batcher.add_worker(self.worker)

    def ask(self, *values, kind=None, timeout_s=10.0):
        return asyncio.ensure_future(self.batcher.run(kind or signature(), rows(*values), ("y",), Timing(timeout_s)))


def run(scenario, batching=None):
    async def start():
        await scenario(Bench(batching))

    asyncio.run(start())


def values(task):
    return task.result()["y"].reshape(-1).tolist()


def test_requests_that_come_together_share_a_batch_and_get_their_own_rows():
    async def scenario(bench):
        tasks = [bench.ask(1), bench.ask(2, 3), bench.ask(4)]
        await settle()
        assert bench.batches == [4]
        bench.worker.answer()
        await settle()
        assert [values(task) for task in tasks] == [[2.0], [4.0, 6.0], [8.0]]
        assert bench.batcher.idle.is_set()

    run(scenario)


def test_only_two_batches_are_in_flight():
    async def scenario(bench):
        tasks = []
        for number in range(4):
            tasks.append(bench.ask(number))
            await settle()
        assert bench.batches == [1, 1]
        bench.worker.answer()
        await settle()
        assert bench.batches == [1, 1, 2]
        while bench.worker.sent:
            bench.worker.answer()
            await settle()
        assert [values(task) for task in tasks] == [[0.0], [2.0], [4.0], [6.0]]

    run(scenario)


def test_signature_without_a_batch_dimension_is_never_joined():
    async def scenario(bench):
        tasks = [bench.ask(1, kind=signature(1)), bench.ask(2, kind=signature(1))]
        await settle()
        assert bench.batches == [1, 1]
        bench.worker.answer()
        bench.worker.answer()
        await settle()
        assert [values(task) for task in tasks] == [[2.0], [4.0]]

    run(scenario)


def test_error_of_a_batch_hurts_only_the_culprit():
    async def scenario(bench):
        tasks = [bench.ask(number) for number in range(3)]
        await settle()
        bench.worker.answer(InvalidRequestError("one of them"))
        await settle()
        bench.worker.answer()
        bench.worker.answer(InvalidRequestError("it was me"))
        await settle()
        bench.worker.answer()
        await settle()
        assert values(tasks[0]) == [0.0]
        assert str(tasks[1].exception()) == "it was me"
        assert values(tasks[2]) == [4.0]

    run(scenario)


def test_outputs_without_rows_are_asked_for_one_by_one():
    async def scenario(bench):
        tasks = [bench.ask(1), bench.ask(2)]
        await settle()
        _, on_reply = bench.worker.sent.pop(0)
        on_reply({"y": np.float32(3)[None].reshape(())})
        await settle()
        bench.worker.answer()
        bench.worker.answer()
        await settle()
        assert [values(task) for task in tasks] == [[2.0], [4.0]]

    run(scenario)


def test_request_that_is_not_answered_in_time_is_given_up_and_not_sent_any_more():
    async def scenario(bench):
        first, second = bench.ask(1), bench.ask(2, kind=signature(1))
        await settle()
        late = bench.ask(3, timeout_s=0.01)
        with pytest.raises(TimedOutError, match=r"0\.01 s"):
            await late
        bench.worker.answer()
        bench.worker.answer()
        await settle()
        assert bench.worker.sent == []
        assert (values(first), values(second)) == ([2.0], [4.0])
        assert bench.batcher.idle.is_set()

    run(scenario)


def test_worker_that_runs_what_nobody_waits_for_is_ended(monkeypatch):
    monkeypatch.setattr(patrol, "ABANDONED_S", 0.05)

    async def until(condition):
        async with asyncio.timeout(10):
            while not condition():  # noqa: ASYNC110 - what is waited for is a timer of the batcher's
                await asyncio.sleep(0.01)

    async def scenario(bench):
        hung = bench.ask(1, timeout_s=0.01)
        with pytest.raises(TimedOutError):
            await hung
        await until(lambda: bench.worker.killed)

    async def client_leaves(bench):
        left = bench.ask(1, timeout_s=0.05)
        await settle()
        left.cancel()
        await until(lambda: bench.worker.killed)

    async def somebody_waits(bench):
        given_up, waiting = bench.ask(1, timeout_s=0.01), bench.ask(2)
        with pytest.raises(TimedOutError):
            await given_up
        await asyncio.sleep(0.2)
        assert not bench.worker.killed
        bench.worker.answer()
        await settle()
        assert values(waiting) == [4.0]

    async def it_ends_by_itself(bench):
        given_up = bench.ask(1, timeout_s=0.01)
        with pytest.raises(TimedOutError):
            await given_up
        bench.worker.answer()
        await asyncio.sleep(0.2)
        assert not bench.worker.killed

    for one in (scenario, client_leaves, somebody_waits, it_ends_by_itself):
        run(one)


def test_full_queue_answers_at_once(monkeypatch):
    monkeypatch.setattr(batcher, "MAX_QUEUED", 1)

    async def scenario(bench):
        bench.batcher.lose_worker(bench.worker)
        waiting = bench.ask(1)
        await settle()
        with pytest.raises(UnavailableError, match="full"):
            await bench.ask(2)
        bench.batcher.add_worker(bench.worker)
        bench.worker.answer()
        await settle()
        assert values(waiting) == [2.0]

    run(scenario)


def lose(bench):
    """What a worker that dies does: says so, then answers all that it had."""
    bench.batcher.lose_worker(bench.worker)
    sent, bench.worker.sent = bench.worker.sent, []
    for _, on_reply in sent:
        on_reply(UnavailableError("died"))


def test_requests_of_a_worker_that_died_are_run_by_the_next():
    async def scenario(bench):
        first = [bench.ask(1), bench.ask(2)]
        await settle()
        second = bench.ask(3)
        await settle()
        lose(bench)
        await settle()
        bench.batcher.add_worker(bench.worker)
        while bench.worker.sent:
            bench.worker.answer()
            await settle()
        assert [values(task) for task in (*first, second)] == [[2.0], [4.0], [6.0]]

    run(scenario)


def test_request_that_kills_twice_is_given_up_and_those_behind_it_are_answered_between():
    async def scenario(bench):
        killer = bench.ask(1)
        await settle()
        innocents = [bench.ask(2), bench.ask(3)]
        await settle()
        assert not bench.batcher.has_answered
        lose(bench)
        await settle()
        bench.batcher.add_worker(bench.worker)
        bench.worker.answer()
        await settle()
        assert [values(task) for task in innocents] == [[4.0], [6.0]]
        lose(bench)
        await settle()
        assert isinstance(killer.exception(), DeadlyRequestError)
        with pytest.raises(DeadlyRequestError, match="an equal request"):
            await bench.ask(1)
        assert bench.batcher.has_answered
        assert bench.batcher.idle.is_set()

    run(scenario)


def test_equal_requests_that_share_a_batch_kill_only_twice():
    async def scenario(bench):
        killers = [bench.ask(1), bench.ask(1), bench.ask(1)]
        await settle()
        for _ in range(2):
            lose(bench)
            await settle()
            bench.batcher.add_worker(bench.worker)
            await settle()
        assert bench.worker.sent == []
        assert all(isinstance(killer.exception(), DeadlyRequestError) for killer in killers)
        assert bench.batcher.idle.is_set()

    run(scenario)


def test_equal_requests_that_run_alone_kill_only_twice():
    async def scenario(bench):
        alone = signature(1)
        killers = [bench.ask(1, kind=alone) for _ in range(5)]
        innocent = bench.ask(2, kind=alone)
        await settle()
        for _ in range(2):
            lose(bench)
            await settle()
            bench.batcher.add_worker(bench.worker)
            await settle()
        bench.worker.answer()
        await settle()
        assert values(innocent) == [4.0]
        assert bench.worker.sent == []
        assert all(isinstance(killer.exception(), DeadlyRequestError) for killer in killers)
        assert bench.batcher.idle.is_set()

    run(scenario)


def test_request_that_shares_its_values_with_one_that_ran_is_not_blamed_for_a_batch_of_others():
    async def scenario(bench):
        await_first = [bench.ask(1), bench.ask(7)]
        await settle()
        lose(bench)
        later = [bench.ask(1), bench.ask(8)]
        await settle()
        bench.batcher.add_worker(bench.worker)
        while bench.worker.sent:
            bench.worker.answer()
            await settle()
        assert [values(task) for task in (*await_first, *later)] == [[2.0], [14.0], [2.0], [16.0]]

    run(scenario)


def test_losing_a_worker_tells_whether_it_ran_a_request():
    async def scenario(bench):
        assert not bench.batcher.lose_worker(bench.worker)
        bench.batcher.add_worker(bench.worker)
        task = bench.ask(1)
        await settle()
        assert bench.batcher.lose_worker(bench.worker)
        task.cancel()

    run(scenario)


def test_refusing_answers_all_that_waits_until_there_is_a_worker_again():
    async def scenario(bench):
        bench.batcher.lose_worker(bench.worker)
        waiting = bench.ask(1)
        await settle()
        bench.batcher.refuse(InferenceError("over"))
        with pytest.raises(InferenceError, match="over"):
            await waiting
        with pytest.raises(InferenceError, match="over"):
            bench.ask(2)
        bench.batcher.add_worker(bench.worker)
        again = bench.ask(3)
        await settle()
        bench.worker.answer()
        await settle()
        assert values(again) == [6.0]

    run(scenario)


def test_what_a_refused_worker_still_ran_when_it_died_is_answered():
    async def scenario(bench):
        running = bench.ask(1)
        await settle()
        bench.batcher.refuse(UnavailableError("unloaded"))
        lose(bench)
        with pytest.raises(UnavailableError, match="unloaded"):
            await asyncio.wait_for(running, 10)
        assert bench.batcher.idle.is_set()

    run(scenario)


def test_each_worker_gets_its_part(monkeypatch):
    async def scenario(bench):
        other = FakeWorker()
        bench.batcher.add_worker(other)
        tasks = [bench.ask(number) for number in range(4)]
        await settle()
        assert bench.batches == [2, 2]
        for worker in (bench.worker, other):
            worker.answer()
        await settle()
        assert [values(task) for task in tasks] == [[0.0], [2.0], [4.0], [6.0]]

    run(scenario)


def test_requests_of_a_worker_that_died_are_run_by_another():
    async def scenario(bench):
        other = FakeWorker()
        bench.batcher.add_worker(other)
        tasks = [bench.ask(1), bench.ask(2)]
        await settle()
        lose(bench)
        while other.sent:
            other.answer()
            await settle()
        assert [values(task) for task in tasks] == [[2.0], [4.0]]
        assert bench.batcher.idle.is_set()

    run(scenario)


def test_batch_waits_for_others_until_it_is_full_or_its_time_is_up():
    async def scenario(bench):
        waiting = bench.ask(1)
        await settle()
        assert bench.worker.sent == []
        more = bench.ask(2)
        await settle()
        assert bench.batches == [2]
        bench.worker.answer()
        await settle()
        assert (values(waiting), values(more)) == ([2.0], [4.0])

    run(scenario, Batching(max_batch_size=2, timeout_s=60))

    async def alone(bench):
        waiting = bench.ask(1)
        await asyncio.wait_for(bench.worker.asked.wait(), 10)
        bench.worker.answer()
        await settle()
        assert values(waiting) == [2.0]

    run(alone, Batching(max_batch_size=2, timeout_s=0.01))


def test_batch_is_padded_to_an_allowed_size_and_nobody_sees_it():
    async def scenario(bench):
        tasks = [bench.ask(1), bench.ask(2, 3)]
        await settle()
        assert bench.worker.sent[0][0].reshape(-1).tolist() == [1, 2, 3, 2]
        bench.worker.answer()
        await settle()
        assert [values(task) for task in tasks] == [[2.0], [4.0, 6.0]]

    run(scenario, Batching(max_batch_size=8, allowed_sizes=(1, 4, 8)))


def test_request_larger_than_allowed_is_refused():
    async def scenario(bench):
        with pytest.raises(InvalidRequestError, match="Task size 3 is larger than maximum input batch size 2"):
            await bench.ask(1, 2, 3)

    run(scenario, Batching(max_batch_size=2, max_request_size=2))


def test_request_larger_than_a_batch_is_split_where_that_is_wanted():
    async def scenario(bench):
        task = bench.ask(1, 2, 3)
        await settle()
        assert bench.batches == [2, 1]
        while bench.worker.sent:
            bench.worker.answer()
            await settle()
        assert values(task) == [2.0, 4.0, 6.0]

    run(scenario, Batching(max_batch_size=2, max_request_size=8, splits=True))


def test_pieces_of_a_request_that_is_refused_are_not_run():
    async def scenario(bench):
        flying = [bench.ask(9)]
        await settle()
        flying.append(bench.ask(9))
        await settle()
        with pytest.raises(UnavailableError, match="is full"):
            bench.ask(1, 2, 3, 4, 5, 6)
        while bench.worker.sent:
            bench.worker.answer()
            await settle()
        assert bench.batches == [1, 1]
        assert bench.batcher.idle.is_set()
        assert [values(task) for task in flying] == [[18.0], [18.0]]

    run(scenario, Batching(max_batch_size=2, max_request_size=8, splits=True, max_enqueued_batches=2))


def test_more_than_the_enqueued_batches_is_refused_at_once():
    async def scenario(bench):
        flying = bench.ask(1, 2)
        await settle()
        waiting = bench.ask(3)
        await settle()
        also = bench.ask(4)
        await settle()
        with pytest.raises(UnavailableError, match="to which this task was submitted is full"):
            await bench.ask(5)
        while bench.worker.sent:
            bench.worker.answer()
            await settle()
        assert [values(task) for task in (flying, waiting, also)] == [[2.0, 4.0], [6.0], [8.0]]

    run(scenario, Batching(max_batch_size=2, max_request_size=2, max_enqueued_batches=1, in_flight=1))


def test_inputs_of_other_widths_share_a_batch_only_where_they_are_padded():
    wide = Signature(
        "s",
        "",
        {"x": TensorSpec("x", "x:0", "float32", (None, None))},
        {"y": TensorSpec("y", "y:0", "float32", (None,))},
    )

    async def scenario(bench, expected):
        for row in ([1.0], [2.0, 3.0]):
            inputs = {"x": np.array([row], np.float32)}
            bench.tasks = asyncio.ensure_future(bench.batcher.run(wide, inputs, ("y",), Timing(10.0)))
        await settle()
        assert [sent.tolist() for sent, _ in bench.worker.sent] == expected
        bench.batcher.refuse(UnavailableError("over"))

    run(lambda bench: scenario(bench, [[[1.0]], [[2.0, 3.0]]]), Batching())
    run(lambda bench: scenario(bench, [[[1.0, 1.0], [2.0, 3.0]]]), Batching(pads_inputs=True))

"""A coroutine that runs without a task."""

import asyncio
import gc

import pytest

from keepfit.serving.requests.errand import Errand


def run(scenario):
    async def start():
        await scenario(asyncio.get_running_loop())

    asyncio.run(start())


def test_it_begins_at_once_and_goes_on_when_what_it_awaits_has_come():
    async def scenario(loop):
        seen = []
        first, second = loop.create_future(), loop.create_future()

        async def work():
            seen.append("begun")
            seen.append(await first)
            seen.append(await second)

        Errand(work())
        assert seen == ["begun"]
        second.set_result("second")
        first.set_result("first")
        await asyncio.sleep(0.01)
        assert seen == ["begun", "first", "second"]

    run(scenario)


def test_an_error_is_raised_where_it_is_awaited():
    async def scenario(loop):
        future, seen = loop.create_future(), []

        async def work():
            try:
                await future
            except ValueError as error:
                seen.append(str(error))

        Errand(work())
        future.set_exception(ValueError("wrong"))
        await asyncio.sleep(0.01)
        assert seen == ["wrong"]

    run(scenario)


@pytest.mark.parametrize("gathers", [False, True])
def test_cancelled_it_ends_where_it_waits(gathers):
    async def scenario(loop):
        futures, seen = [loop.create_future(), loop.create_future()], []

        async def work():
            try:
                await (asyncio.gather(*futures) if gathers else futures[0])
            except asyncio.CancelledError:
                seen.append("cancelled")
            finally:
                seen.append("over")

        errand = Errand(work())
        errand.cancel()
        await asyncio.sleep(0.01)
        assert seen == ["cancelled", "over"]
        assert futures[0].cancelled()
        errand.cancel()
        await asyncio.sleep(0.01)
        assert seen == ["cancelled", "over"]

    run(scenario)


@pytest.mark.parametrize("what", ["result", "error"])
def test_cancelled_in_the_turn_in_which_what_it_waits_for_has_come_it_ends_too(what):
    async def scenario(loop):
        reported, seen = [], []
        loop.set_exception_handler(lambda _, context: reported.append(context))

        async def work(awaited):
            try:
                await awaited
                seen.append("went on")
            except asyncio.CancelledError:
                seen.append("cancelled")

        def begin():
            future = loop.create_future()
            errand = Errand(work(future))
            if what == "result":
                future.set_result(None)
            else:
                future.set_exception(ValueError("wrong"))
            errand.cancel()
            errand.cancel()

        begin()
        await asyncio.sleep(0.01)
        assert seen == ["cancelled"]
        gc.collect()
        assert reported == []

    run(scenario)


def test_what_it_raises_is_reported():
    async def scenario(loop):
        reported = []
        loop.set_exception_handler(lambda _, context: reported.append(context["exception"]))
        future = loop.create_future()

        async def work():
            await future
            raise RuntimeError("a defect")

        Errand(work())
        future.set_result(None)
        await asyncio.sleep(0.01)
        assert [str(error) for error in reported] == ["a defect"]

    run(scenario)

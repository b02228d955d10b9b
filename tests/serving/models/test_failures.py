"""When a version that failed may be tried again."""

import asyncio

import pytest

from keepfit.serving.models.failures import Failures


@pytest.fixture
def path(tmp_path):
    (tmp_path / "file").write_text("1")
    return tmp_path


async def again(retried):
    async with asyncio.timeout(20):
        await retried.wait()
    retried.clear()


def test_version_is_retried_as_often_as_said_and_then_no_more(path):
    async def scenario():
        retried = asyncio.Event()
        failures = Failures(2, 0.01, retried.set)
        for _ in range(2):
            await failures.begin(5, path)
            failures.note(5, may_retry=True)
            assert failures.versions == {5}
            await again(retried)
            assert failures.versions == frozenset()
        failures.note(5, may_retry=True)
        for _ in range(3):
            await failures.look({5: path})
        assert failures.versions == {5}
        failures.stop()

    asyncio.run(scenario())


def test_success_gives_all_retries_again(path):
    async def scenario():
        retried = asyncio.Event()
        failures = Failures(1, 0.0, retried.set)
        for _ in range(2):
            failures.note(5, may_retry=True)
            await again(retried)
            failures.succeeded(5)
        failures.stop()

    asyncio.run(scenario())


def test_version_that_must_not_be_retried_waits_for_its_files_to_change_and_be_quiet(path):
    async def scenario():
        failures = Failures(5, 0.0, pytest.fail)
        await failures.begin(5, path)
        failures.note(5, may_retry=False)
        await failures.look({5: path})
        await failures.look({5: path})
        assert failures.versions == {5}
        (path / "file").write_text("12")
        await failures.look({5: path})
        assert failures.versions == {5}, "somebody may still be writing"
        (path / "file").write_text("123")
        await failures.look({5: path})
        assert failures.versions == {5}
        await failures.look({5: path})
        assert failures.versions == frozenset()
        failures.stop()

    asyncio.run(scenario())


def test_version_that_is_gone_is_forgotten(path):
    async def scenario():
        failures = Failures(5, 1000.0, pytest.fail)
        failures.note(5, may_retry=True)
        await failures.look({})
        assert failures.versions == frozenset()
        failures.stop()

    asyncio.run(scenario())

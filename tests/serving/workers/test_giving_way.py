"""A thread that is interrupted while it works."""

import ctypes
import errno
import sys
import threading

import pytest

from keepfit.serving.workers.giving_way import giving_way

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems have no timers of a thread")


def is_interrupted():
    """Wait for 100 ms in a call that ends when a signal is handled; tell whether one was."""
    library = ctypes.CDLL(None, use_errno=True)
    return library.poll(None, 0, 100) == -1 and ctypes.get_errno() == errno.EINTR


def test_thread_is_interrupted_within_the_block_only():
    with giving_way():
        within = [is_interrupted() for _ in range(3)]
    assert within == [True] * 3
    assert not is_interrupted()


def test_other_threads_are_left_alone():
    found = []
    with giving_way():
        thread = threading.Thread(target=lambda: found.append(is_interrupted()))
        thread.start()
        thread.join()
    assert found == [False]


def test_what_is_read_meanwhile_is_whole(tmp_path):
    file = tmp_path / "large"
    file.write_bytes(bytes(range(256)) * 2**16)
    with giving_way():
        for _ in range(20):
            assert file.read_bytes() == bytes(range(256)) * 2**16

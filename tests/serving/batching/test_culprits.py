"""Which requests are remembered as deadly, and for how long."""

import numpy as np
import pytest

from keepfit.serving.batching.culprits import MAX_BYTES, MAX_REMEMBERED, REMEMBERED_S, Culprits


@pytest.fixture
def clock():
    return Clock()


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def request(*values, dtype=np.float32, signature="s", outputs=("y",)):
    array = np.array(values, dtype)
    return signature, outputs, {"x": array}


def test_equal_request_is_remembered_and_others_are_not(clock):
    known = Culprits(clock)
    assert not known
    known.add(*request(1, 2))
    assert known
    assert known.has(*request(1, 2))
    for other in (
        request(1, 3),
        request(1),
        request(1, 2, signature="t"),
        request(1, 2, outputs=()),
        request(1, 2, dtype=np.int32),
    ):
        assert not known.has(*other)


def test_strings_are_compared_by_what_they_say(clock):
    known = Culprits(clock)
    known.add(*request(b"ab", b"c", dtype=object))
    assert known.has(*request(b"ab", b"c", dtype=object))
    assert not known.has(*request(b"a", b"bc", dtype=object))


def test_request_is_forgotten_after_a_while(clock):
    known = Culprits(clock)
    known.add(*request(1))
    clock.now += REMEMBERED_S / 2
    known.add(*request(2))
    clock.now += REMEMBERED_S / 2
    assert not known.has(*request(1))
    assert known.has(*request(2))
    clock.now += REMEMBERED_S / 2
    assert not known.has(*request(2))
    assert not known


def test_memory_is_bounded(clock):
    known = Culprits(clock)
    for number in range(MAX_REMEMBERED + 1):
        known.add(*request(number))
    assert not known.has(*request(0))
    assert known.has(*request(1))
    assert known.has(*request(MAX_REMEMBERED))


@pytest.mark.parametrize(
    "large",
    [request(*[1.0] * (MAX_BYTES // 4 + 1)), request(b"x" * (MAX_BYTES + 1), dtype=object)],
    ids=["numbers", "one string"],
)
def test_large_requests_are_not_digested(clock, large):
    known = Culprits(clock)
    known.add(*large)
    assert not known
    assert not known.has(*large)

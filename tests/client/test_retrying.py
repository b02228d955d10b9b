"""When a failed attempt is followed by another, in time that passes only by waiting."""

import pytest
from tenacity import Retrying

from keepfit.client import Retry
from keepfit.client.deadline import Deadline
from keepfit.client.failures import Failed
from keepfit.client.retrying import rules
from keepfit.errors import UnavailableError


def attempts(retry, failures, timeout_s=1000.0):
    """Return how many attempts were made, and the waits between them."""
    left, waits = list(failures), []

    def attempt():
        if left:
            again, after_s = left.pop(0)
            raise Failed(UnavailableError("no"), again, after_s)

    try:
        Retrying(**rules(retry, Deadline(timeout_s)), sleep=waits.append)(attempt)
    except Failed as failed:
        return len(failures) - len(left), waits, failed.error
    return len(failures) - len(left) + 1, waits, None


def test_what_failed_for_good_is_not_tried_again():
    count, waits, error = attempts(Retry(), [("never", None)])
    assert (count, waits) == (1, [])
    assert isinstance(error, UnavailableError)


@pytest.mark.parametrize("allowed", [1, 3])
def test_attempts_that_reached_a_server_are_counted(allowed):
    assert attempts(Retry(attempts=allowed), [("sent", None)] * 10)[0] == allowed


def test_refused_connections_are_not_counted():
    count, waits, error = attempts(Retry(), [("unsent", None)] * 20)
    assert (count, error) == (21, None)
    assert all(0 <= wait <= Retry().longest_wait_s for wait in waits)
    assert sum(waits[:2]) <= 3 * Retry().first_wait_s


def test_waits_as_long_as_the_server_asks():
    _, waits, error = attempts(Retry(), [("sent", 2.0), ("sent", 5.0)])
    assert (waits, error) == ([2.0, 5.0], None)


def test_what_would_come_too_late_is_not_waited_for():
    assert attempts(Retry(within_s=10), [("sent", 11.0)] * 2)[:2] == (1, [])
    assert attempts(Retry(within_s=10), [("sent", 5.0)] * 2, timeout_s=4)[:2] == (1, [])
    assert attempts(Retry(within_s=0), [("unsent", None)] * 2)[:2] == (1, [])

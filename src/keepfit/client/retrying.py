"""Whether and when a failed attempt is followed by another: the rules of Retry, for tenacity to keep.

Knows nothing of transports; sync and async share it.
"""

from typing import TypedDict

from tenacity import RetryCallState, retry_if_exception, wait_random_exponential
from tenacity.retry import retry_base

from keepfit.client.deadline import Deadline
from keepfit.client.failures import Failed
from keepfit.client.options import Retry


class Rules(TypedDict):
    """What tenacity's Retrying and AsyncRetrying have to be told."""

    retry: retry_base
    wait: "Wait"
    stop: "Stop"
    reraise: bool


def rules(retry: Retry, deadline: Deadline) -> Rules:
    """Return the rules for one request; they count its attempts, so the next request needs new ones."""
    return {"retry": _IS_HARMLESS, "wait": Wait(retry), "stop": Stop(retry, deadline), "reraise": True}


class Wait:
    """Waits with full jitter and doubling, but as long as the server asks for."""

    def __init__(self, retry: Retry) -> None:
        self._jittered = wait_random_exponential(multiplier=retry.first_wait_s, max=retry.longest_wait_s)

    def __call__(self, state: RetryCallState) -> float:
        """Return the seconds to wait."""
        return max(self._jittered(state), _failed(state).after_s or 0.0)


class Stop:
    """Stops when the next attempt would come too late, or when servers have seen the request often enough."""

    def __init__(self, retry: Retry, deadline: Deadline) -> None:
        self._retry = retry
        self._deadline = deadline
        self._seen = 0

    def __call__(self, state: RetryCallState) -> bool:
        """Tell whether the attempt was the last; called once for each that failed."""
        self._seen += _failed(state).again == "sent"
        waited_s = (state.seconds_since_start or 0.0) + state.upcoming_sleep
        return (
            self._seen >= self._retry.attempts
            or waited_s >= self._retry.within_s
            or state.upcoming_sleep >= self._deadline.left_s()
        )


def _is_harmless(error: BaseException) -> bool:
    return isinstance(error, Failed) and error.again != "never"


_IS_HARMLESS = retry_if_exception(_is_harmless)


def _failed(state: RetryCallState) -> Failed:
    error = state.outcome.exception() if state.outcome is not None else None
    if not isinstance(error, Failed):
        raise TypeError(f"tenacity asks about {error!r}, which is not retried")
    return error

"""When an HTTP/2 connection has lived long enough: it asks, it goes, or it is cut. Knows no frames and no clock."""

import math
from typing import Final, Literal, TypeAlias

from keepfit.serving.settings.channel_arguments import ChannelArguments

Due: TypeAlias = Literal["nothing", "ping", "close", "abort"]

KEEPALIVE_TIMEOUT_MS: Final = 20_000


class Lifetime:
    """The times of one connection, in seconds of one clock, which may be a second behind."""

    def __init__(self, now: float, idle_s: float, age_s: float, arguments: ChannelArguments) -> None:
        ask_ms, answer_ms = arguments.keepalive_time_ms, arguments.keepalive_timeout_ms or KEEPALIVE_TIMEOUT_MS
        self._idle_s = idle_s
        self._ask_after_s = math.inf if ask_ms is None else ask_ms / 1000
        self._answer_s = answer_ms / 1000
        self._end = now + age_s
        self._deadline = now + idle_s
        self._heard = now
        self._asked: float | None = None

    def note_heard(self, now: float) -> None:
        """Take note that bytes have come."""
        self._heard, self._asked = now, None

    def note_idle(self, now: float) -> None:
        """Take note that there is no request."""
        self._deadline = now + self._idle_s

    def note_busy(self) -> None:
        """Take note that there is one."""
        self._deadline = math.inf

    def due(self, now: float) -> Due:
        """Return what is to be done; after a ping the other side has a while to answer."""
        if now > self._deadline or now > self._end:
            return "close"
        if self._asked is not None:
            return "abort" if now - self._asked > self._answer_s else "nothing"
        if now - self._heard > self._ask_after_s:
            self._asked = now
            return "ping"
        return "nothing"

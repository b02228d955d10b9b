"""Asks the running model server whether it serves a version. Knows no files."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from keepfit.client import Client, Retry
from keepfit.errors import KeepfitError, StrangerError, TimedOutError, UnreachableError

Presence = Literal["absent", "waiting", "other", "serving"]

_POLL_S = 0.1
_UNKNOWN = "unknown"
_ANSWER_WITHIN_S = 5.0
_ONCE = Retry(within_s=0)
"""Whoever asks here asks again anyway, or wants to know what is there now."""


@dataclass(frozen=True)
class Confirmation:
    """What came of waiting.

    "available": the server serves the version. "refused": it says that it cannot, did not get it done in time, or
    answers no more. "silent": it never mentioned the version. "withdrawn": the version is no longer there to be served.
    """

    outcome: Literal["available", "refused", "silent", "withdrawn"]
    reason: str
    waited_s: float


def look(serving_url: str, model_name: str, current: int | None, api_key: str | None = None) -> Presence:
    """Find out who is at the model server's address, by the version that is current in our folder.

    "absent": nobody answers. "serving": it knows our current version. "waiting": it has no version of this model, as
    we have none. "other": it has versions that are not ours, or lacks ours: it watches another folder.
    """
    try:
        with _connected(serving_url, model_name, api_key) as client:
            known = {status.version for status in client.status()}
    except StrangerError:
        return "other"
    except (UnreachableError, TimedOutError):
        return "absent"
    except KeepfitError:
        known = set()
    if not known and current is None:
        return "waiting"
    return "serving" if current in known else "other"


def confirm(
    serving_url: str,
    model_name: str,
    version: int,
    timeout_s: float,
    is_published: Callable[[], bool],
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
    api_key: str | None = None,
) -> Confirmation:
    """Wait until the server says that the version is AVAILABLE, or that it cannot be, or until the time is up.

    For a server that is running: one that stops answering meanwhile may have been brought down by the version.
    `is_published` says whether the version is still in our folder; a person may have taken it back.
    """
    started = clock()
    with _connected(serving_url, model_name, api_key) as client:
        while True:
            state, reason = _version_status(client, version)
            waited = clock() - started
            if state == "AVAILABLE":
                return Confirmation("available", "", waited)
            if state == "END" and reason:
                return Confirmation("refused", reason, waited)
            if not is_published():
                return Confirmation("withdrawn", "it was taken back meanwhile", waited)
            if waited > timeout_s:
                outcome: Literal["silent", "refused"] = "silent" if state == _UNKNOWN else "refused"
                return Confirmation(outcome, f"not available after {waited:.0f} s ({reason or state})", waited)
            sleep(_POLL_S)


def _connected(serving_url: str, model_name: str, api_key: str | None) -> Client:
    return Client(serving_url, model_name, timeout_s=_ANSWER_WITHIN_S, retry=_ONCE, api_key=api_key)


def _version_status(client: Client, version: int) -> tuple[str, str]:
    """The state and error text of the version; the state is "" without a server, or _UNKNOWN if it does not say."""
    try:
        found = client.status(version=version)
    except KeepfitError as error:
        if isinstance(error, UnreachableError | TimedOutError) and not isinstance(error, StrangerError):
            return "", "the server does not answer"
        return _UNKNOWN, str(error).rstrip(".")
    return (found[0].state, found[0].message) if found else (_UNKNOWN, "its status is empty")

"""Asks the running model server whether it serves a version. Knows TensorFlow Serving's status API, and no files."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import httpx

Presence = Literal["absent", "waiting", "other", "serving"]

_POLL_S = 0.1
_UNKNOWN = "unknown"


@dataclass(frozen=True)
class Confirmation:
    """What came of waiting.

    "available": the server serves the version. "refused": it says that it cannot, did not get it done in time, or
    answers no more. "silent": it never mentioned the version. "withdrawn": the version is no longer there to be served.
    """

    outcome: Literal["available", "refused", "silent", "withdrawn"]
    reason: str
    waited_s: float


def look(serving_url: str, model_name: str, current: int | None) -> Presence:
    """Find out who is at the model server's address, by the version that is current in our folder.

    "absent": nobody answers. "serving": it knows our current version. "waiting": it has no version of this model, as
    we have none. "other": it has versions that are not ours, or lacks ours: it watches another folder.
    No request here goes through a proxy (trust_env), as the frontend's do not: one for the internet would answer
    in the server's place.
    """
    try:
        response = httpx.get(f"{serving_url}/v1/models/{model_name}", timeout=5, trust_env=False)
    except httpx.HTTPError:
        return "absent"
    known = _versions_in(response)
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
) -> Confirmation:
    """Wait until the server says that the version is AVAILABLE, or that it cannot be, or until the time is up.

    For a server that is running: one that stops answering meanwhile may have been brought down by the version.
    `is_published` says whether the version is still in our folder; a person may have taken it back.
    """
    started = clock()
    with httpx.Client(base_url=serving_url, timeout=5, trust_env=False) as client:
        while True:
            state, reason = _version_status(client, model_name, version)
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


def _version_status(client: httpx.Client, model_name: str, version: int) -> tuple[str, str]:
    """The state and error text of the version; the state is "" if the server does not say, or _UNKNOWN."""
    try:
        response = client.get(f"/v1/models/{model_name}/versions/{version}")
    except httpx.HTTPError:
        return "", "the server does not answer"
    if response.status_code != httpx.codes.OK:
        return _UNKNOWN, f"it answers {response.status_code} for the version"
    try:
        found: dict[str, Any] = response.json()["model_version_status"][0]
        return str(found["state"]), str(found.get("status", {}).get("error_message", ""))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        return "", "its status cannot be read"


def _versions_in(response: httpx.Response) -> set[int]:
    try:
        return {int(entry["version"]) for entry in response.json()["model_version_status"]}
    except (ValueError, KeyError, TypeError):
        return set()

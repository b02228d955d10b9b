"""Asks the running model server whether it serves a version. Knows TensorFlow Serving's status API, and no files."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import httpx

Presence = Literal["absent", "other", "serving"]

_POLL_S = 0.1


@dataclass(frozen=True)
class Confirmation:
    """What came of waiting: the server serves the version, it says that it cannot, or it says nothing of it."""

    outcome: Literal["available", "refused", "silent"]
    reason: str
    waited_s: float


def look(serving_url: str, model_name: str) -> Presence:
    """Find out who is at the model server's address.

    "absent": nobody answers. "other": it answers, and has no version of this model: it waits for the first one, or
    serves something else. "serving": it has versions of this model.
    No request here goes through a proxy (trust_env), as the frontend's do not: one for the internet would answer
    in the server's place.
    """
    try:
        response = httpx.get(f"{serving_url}/v1/models/{model_name}", timeout=5, trust_env=False)
    except httpx.HTTPError:
        return "absent"
    return "serving" if response.status_code == httpx.codes.OK else "other"


def confirm(
    serving_url: str,
    model_name: str,
    version: int,
    timeout_s: float,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Confirmation:
    """Wait until the server says that the version is AVAILABLE, or that it cannot be, or until the time is up.

    For a server that is running: one that stops answering meanwhile may have been brought down by the version.
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
            if waited > timeout_s:
                return Confirmation("silent", f"not available after {waited:.0f} s ({reason or state})", waited)
            sleep(_POLL_S)


def _version_status(client: httpx.Client, model_name: str, version: int) -> tuple[str, str]:
    """The state and error text of the version; the state is "" if the server does not say."""
    try:
        response = client.get(f"/v1/models/{model_name}/versions/{version}")
    except httpx.HTTPError:
        return "", "the server does not answer"
    if response.status_code != httpx.codes.OK:
        return "", f"it answers {response.status_code} for the version"
    try:
        found: dict[str, Any] = response.json()["model_version_status"][0]
        return str(found["state"]), str(found.get("status", {}).get("error_message", ""))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        return "", "its status cannot be read"

"""Asks the running model server whether it serves a version. Knows TensorFlow Serving's status API, and no files."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

_POLL_S = 0.1


@dataclass(frozen=True)
class Confirmation:
    """What came of waiting: whether the server serves the version, or why not."""

    available: bool
    reason: str
    waited_s: float


def is_running(serving_url: str) -> bool:
    """Whether anything answers HTTP at the model server's address.

    No request here goes through a proxy (trust_env), as the frontend's do not: one for the internet would answer
    in the server's place.
    """
    try:
        httpx.get(serving_url, timeout=2, trust_env=False)
    except httpx.HTTPError:
        return False
    return True


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
                return Confirmation(True, "", waited)
            if state == "END" and reason:
                return Confirmation(False, reason, waited)
            if waited > timeout_s:
                return Confirmation(False, f"not available after {waited:.0f} s ({reason or state})", waited)
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

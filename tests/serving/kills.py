"""Kills workers of a server at random while clients ask, and tells what they saw. Used by a test and by a benchmark."""

import os
import random
import signal
import threading
import time
from dataclasses import dataclass, field

import httpx

BODY = {"instances": [[1.0, 2.0]]}


@dataclass
class Seen:
    """What the clients saw."""

    answered: int = 0
    refused: list[str] = field(default_factory=list)
    """Texts of answers with 503."""
    wrong: list[str] = field(default_factory=list)
    """Anything else: another status, a wrong result, a connection that broke."""
    outages_s: list[float] = field(default_factory=list)
    """From each kill until a request that was sent after it was answered."""


def kill_at_random(url, pids, *, kills, clients, pause_s, limit_s, expected):
    """Kill one of `pids()` so many times under load, each time waiting until the server answers again."""
    seen, stop = Seen(), threading.Event()
    threads = [threading.Thread(target=_ask_on, args=(url, stop, seen, expected)) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(kills):
            time.sleep(random.uniform(0, pause_s))
            os.kill(random.choice(pids()), signal.SIGKILL)
            seen.outages_s.append(_outage_s(url, limit_s))
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    return seen


def _ask_on(url, stop, seen, expected):
    with httpx.Client(timeout=30) as client:
        while not stop.is_set():
            try:
                answer = client.post(url, json=BODY)
            except httpx.TransportError as error:
                seen.wrong.append(repr(error))
                continue
            if answer.status_code == 503:
                seen.refused.append(answer.json()["error"])
            elif answer.status_code != 200 or answer.json() != expected:
                seen.wrong.append(f"{answer.status_code} {answer.text}")
            else:
                seen.answered += 1


def _outage_s(url, limit_s):
    started = time.monotonic()
    with httpx.Client(timeout=limit_s) as client:
        while client.post(url, json=BODY).status_code != 200:
            assert time.monotonic() < started + limit_s, f"not back within {limit_s} s"
    return time.monotonic() - started

"""Keeps child processes running: starts them, restarts one that dies with back-off, stops them all.

One thread owns it. Knows nothing of what the processes are.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from keepfit import tether

FIRST_DELAY_S = 0.5
LONGEST_DELAY_S = 30.0
HEALTHY_AFTER_S = 60.0
"""A part that ran so long starts anew with the first delay."""
STOP_WITHIN_S = 8.0
"""All processes together, before they are killed: a service manager gives ten."""


@dataclass(frozen=True)
class Part:
    """A process that should always run: keepfit's own command line behind `python -m keepfit`."""

    name: str
    arguments: Sequence[str]
    log: Path


def start_keepfit(
    arguments: Sequence[str], environ: Mapping[str, str], log: Path | None = None
) -> subprocess.Popen[bytes]:
    """Start `keepfit ARGUMENTS` as a child that dies with this process; with `log`, what it prints goes there.

    The child is in a session of its own: Ctrl-C reaches only this process, which then ends its children in order.
    """
    environment = {**environ, tether.VARIABLE: str(os.getpid())}
    command = [sys.executable, "-m", "keepfit", *arguments]
    with ExitStack() as stack:
        output = None if log is None else stack.enter_context(log.open("ab"))
        return subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )


class _Running:
    """One part: its process, and when it may be started again."""

    def __init__(self, part: Part, process: subprocess.Popen[bytes], now: float) -> None:
        self.part = part
        self.process: subprocess.Popen[bytes] | None = process
        self.started_at = now
        self.delay_s = FIRST_DELAY_S
        self.restart_at = 0.0


class Supervisor:
    """The parts and their processes. `poll` it regularly; `release` them in the end."""

    def __init__(self, environ: Mapping[str, str], tell: Callable[[str], None]) -> None:
        self._environ = environ
        self._tell = tell
        self._running: list[_Running] = []

    def start(self, part: Part, now: float) -> None:
        """Start a part and keep it running from now on."""
        self._running.append(_Running(part, start_keepfit(part.arguments, self._environ, part.log), now))

    def poll(self, now: float) -> None:
        """Restart what has died, each part after its back-off. `now` is monotonic, in seconds."""
        for entry in self._running:
            if entry.process is None:
                if now >= entry.restart_at:
                    entry.process = start_keepfit(entry.part.arguments, self._environ, entry.part.log)
                    entry.started_at = now
            elif (status := entry.process.poll()) is not None:
                self._schedule_restart(entry, status, now)

    def processes(self) -> dict[str, int]:
        """The process ids by part, of those that run."""
        return {entry.part.name: entry.process.pid for entry in self._running if entry.process is not None}

    def release(self) -> list[subprocess.Popen[bytes]]:
        """Stop watching; return the processes that run, for `stop_processes`."""
        processes = [entry.process for entry in self._running if entry.process is not None]
        self._running.clear()
        return processes

    def _schedule_restart(self, entry: _Running, status: int, now: float) -> None:
        if now - entry.started_at >= HEALTHY_AFTER_S:
            entry.delay_s = FIRST_DELAY_S
        said = _last_line(entry.part.log)
        self._tell(
            f"the {entry.part.name} ended with status {status}{f', saying «{said}»' if said else ''}: "
            f"starting it again in {entry.delay_s:g} s (its log: {entry.part.log})"
        )
        entry.process = None
        entry.restart_at = now + entry.delay_s
        entry.delay_s = min(2 * entry.delay_s, LONGEST_DELAY_S)


def _last_line(log: Path) -> str:
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 1000))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    return lines[-1][:300] if lines else ""


def stop_processes(processes: Sequence[subprocess.Popen[bytes]], timeout_s: float = STOP_WITHIN_S) -> None:
    """Ask all to end, and kill those that have not after `timeout_s` seconds together."""
    deadline = time.monotonic() + timeout_s
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

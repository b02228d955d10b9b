"""SIGKILL at every stage boundary and at random instants, beside a client that predicts all the time."""

import json
import os
import random
import select
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from functools import partial

import httpx
import pytest

from keepfit.ledger import ENDINGS, open_ledger
from keepfit.pipeline import artifacts

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

RANDOM_KILLS = 14
SEED = 20260301
POLL_S = 0.0005
WATCH_S = 0.002

# Imports once what takes seconds, and forks a process that retrains for each line that it reads; sound, as in
# serving/workers/zygote.py, for no import starts a thread. Writes the process's number, and how it ended.
FORKS = """
import os, sys
import keepfit.pipeline.candidate
from keepfit.cli import main

for _ in sys.stdin:
    pid = os.fork()
    if pid == 0:
        null = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):
            os.dup2(null, stream)
        main(["retrain"])
    print(pid, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


def in_log(text):
    """Stages end with a line in last_train_log.txt."""
    return lambda project, _: text in _read(project.folder / "last_train_log.txt")


def staged(pattern):
    """Files appear in the candidate's folder one after the other."""
    return lambda project, _: any((project.models / ".staging").glob(pattern))


def _read(path):
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""


def _last_number_changed(project, before):
    return _read(project.models / ".last_version") != before["last"]


def _new_version_is_visible(project, before):
    return project.visible() and project.visible()[-1] > before["highest"]


BOUNDARIES = {
    "lock taken": lambda project, _: (project.models / ".run.holder").exists(),
    "run recorded": lambda _, before: ("started", None) in before["new_events"](),
    "data loaded": in_log("data: "),
    "staging made": staged("*/"),
    "first epoch": in_log("epoch 1/2"),
    "trained": in_log("trained: "),
    "export begun": staged("*/variables"),
    "graph written": staged("*/saved_model.pb"),
    "warmup begun": staged("*/assets.extra"),
    "schema written": staged("*/schema.json"),
    "judged": in_log("judged: "),
    "sample written": staged("qualification.npz"),
    "qualified": in_log("qualified: "),
    "number reserved": _last_number_changed,
    "report written": staged("*/report.html"),
    "manifest written": staged("*/manifest.json"),
    "version visible": _new_version_is_visible,
    "promotion recorded": lambda _, before: any(kind == "promoted" for kind, _ in before["new_events"]()),
    "promotion told": in_log("PROMOTED: "),
    "served": in_log("served: "),
}


@pytest.fixture
def forks(promoted):
    """A process that has TensorFlow imported and forks runs of the project."""
    command = [sys.executable, "-c", FORKS]
    options = {"cwd": promoted.folder, "env": promoted.environ, "text": True}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **options) as process:
        yield process
        process.stdin.close()


class Forked:
    """`keepfit retrain` in a process of those, which differs from a started one in what it has imported already."""

    def __init__(self, forks):
        self._forks, self._code = forks, None
        forks.stdin.write("\n")
        forks.stdin.flush()
        self._handle = os.pidfd_open(int(forks.stdout.readline()))

    def poll(self):
        return self.wait() if select.select([self._handle], [], [], 0)[0] else None

    def kill(self):
        if self._code is None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)

    def wait(self):
        if self._code is None:
            self._code = int(self._forks.stdout.readline())
            os.close(self._handle)
        return self._code


class Client(threading.Thread):
    """Predicts all the time; what is not a prediction is a failure."""

    def __init__(self, url):
        super().__init__()
        self._url = f"{url}:predict"
        self.stopped = threading.Event()
        self.count, self.failures = 0, []

    def run(self):
        with httpx.Client(timeout=30) as client:
            while not self.stopped.wait(0.02):
                try:
                    response = client.post(self._url, json={"instances": [[4.0, 4.0], [0.0, 0.0]]})
                    (high,), (low,) = response.json()["predictions"]
                    if not 0 <= low < 0.5 < high <= 1:
                        self.failures.append(response.text)
                except (httpx.HTTPError, ValueError, KeyError) as error:
                    self.failures.append(repr(error))
                self.count += 1


class Watcher(threading.Thread):
    """Looks at models/ as a server does; every version must be whole and judged from the first instant."""

    def __init__(self, project):
        super().__init__()
        self._project = project
        self.stopped = threading.Event()
        self.runs, self.wrong = {}, []

    def run(self):
        while not self.stopped.wait(WATCH_S):
            for version in self._project.visible():
                if version not in self.runs:
                    self.runs[version] = self._check(version)

    def check_all(self):
        """Look at everything again: nothing may have changed since it was first seen."""
        for version in self._project.visible():
            run = self._check(version)
            if self.runs.get(version, run) != run:
                self.wrong.append(f"version {version} was of run {self.runs[version]} and is of {run}")

    def _check(self, version):
        folder = self._project.models / str(version)
        try:
            damaged = artifacts.damaged_files(folder)
            metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        except OSError as error:
            if folder.exists():  # else it was pruned meanwhile
                self.wrong.append(f"version {version}: {error}")
            return ""
        if folder.exists() and (damaged or metrics["verdict"]["decision"] != "PROMOTE"):
            self.wrong.append(f"version {version}: damaged {damaged}, verdict {metrics['verdict']}")
        if metrics["version"] != version:
            self.wrong.append(f"version {version} says that it is {metrics['version']}")
        return metrics["run"]


@contextmanager
def running(thread):
    thread.start()
    try:
        yield thread
    finally:
        thread.stopped.set()
        thread.join(60)


def events_of(project):
    with open_ledger(project.folder / "state" / "ledger.sqlite3") as ledger:
        return ledger.events()


def state_before(project):
    known = len(events_of(project))
    return {
        "last": _read(project.models / ".last_version"),
        "highest": max(project.visible()),
        "new_events": lambda: [(event.kind, event.version) for event in events_of(project)[known:]],
    }


def kill_when(project, start, is_reached, before, timeout_s=180):
    """Run until the condition holds, and kill; returns whether the run was still there to be killed."""
    _remove_log(project)
    process = start()
    deadline = time.monotonic() + timeout_s
    while not is_reached(project, before) and process.poll() is None:
        assert time.monotonic() < deadline, "the stage was never reached"
        time.sleep(POLL_S)
    process.kill()
    return process.wait() == -9


def _remove_log(project):
    # what the run before wrote must not be taken for this run's
    (project.folder / "last_train_log.txt").unlink(missing_ok=True)
    (project.models / ".run.holder").unlink(missing_ok=True)
    for leftover in (project.models / ".staging").glob("*.npz"):
        leftover.unlink()


def check_record(project, watcher):
    """The last run cleaned up after all others and completed their record."""
    assert list((project.models / ".staging").iterdir()) == []
    events = events_of(project)
    started = [event.run for event in events if event.kind == "started"]
    endings = {run: [e.kind for e in events if e.run == run and e.kind in ENDINGS] for run in started}
    assert all(len(kinds) == 1 for kinds in endings.values()), endings
    assert {kind for kinds in endings.values() for kind in kinds} == {"promoted", "interrupted"}
    promoted = {event.version: event.run for event in events if event.kind == "promoted"}
    assert promoted == watcher.runs
    assert len(set(promoted.values())) == len(promoted)
    told = {(line["run"], line["verdict"]) for line in project.decisions()}
    assert {(run, kinds[0]) for run, kinds in endings.items()} <= told


def test_no_kill_hurts_what_is_served_or_recorded(promoted, serve, forks):
    url = serve(promoted)
    killed, reached = 0, {}
    with running(Client(url)) as client, running(Watcher(promoted)) as watcher:
        for _ in range(2):
            for name, is_reached in BOUNDARIES.items():
                was_killed = kill_when(promoted, lambda: Forked(forks), is_reached, state_before(promoted))
                reached[name] = reached.get(name, 0) + was_killed
                watcher.check_all()
                assert client.failures == [], f"killed at the stage: {name}"
        _full_run(promoted, watcher)
        chance, duration_s = random.Random(SEED), _full_run(promoted, watcher)
        for _ in range(RANDOM_KILLS):
            until = time.monotonic() + chance.uniform(0.05, duration_s)
            start = partial(promoted.start, "retrain", stdout=-3, stderr=-3)
            killed += kill_when(promoted, start, lambda *_, until=until: time.monotonic() >= until, {})
            watcher.check_all()
        _full_run(promoted, watcher)
    assert client.failures == []
    assert client.count > 1000
    assert watcher.wrong == []
    assert all(reached.values()), reached
    assert sum(reached.values()) + killed >= 50, (reached, killed)
    versions = sorted(watcher.runs)
    assert versions[-1] == max(promoted.visible())
    check_record(promoted, watcher)


def _full_run(project, watcher):
    """The next run works, and is served; returns how long it took."""
    highest = max(project.visible())
    started = time.monotonic()
    done = project.run("retrain")
    assert done.returncode == 0, done.stdout + done.stderr
    assert max(project.visible()) > highest
    assert "  served     by http://" in done.stdout
    watcher.check_all()
    check_record(project, watcher)
    return time.monotonic() - started

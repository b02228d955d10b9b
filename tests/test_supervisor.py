"""The supervisor with real child processes: starts, restarts with back-off, stops, and leaves none behind."""

import os
import signal
import socket
import subprocess
import sys
import time

import psutil
import pytest

from keepfit.errors import ConfigError, PortInUseError
from keepfit.ports import require_free
from keepfit.supervisor import (
    FIRST_DELAY_S,
    HEALTHY_AFTER_S,
    LONGEST_DELAY_S,
    Part,
    Supervisor,
    start_keepfit,
    stop_processes,
)

SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(600)",
]


def wait_until(condition, timeout_s=30.0):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


@pytest.fixture
def told():
    return []


@pytest.fixture
def supervisor(told):
    found = Supervisor(os.environ, told.append)
    yield found
    stop_processes(found.release(), 5)


@pytest.fixture
def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def frontend(tmp_path, port):
    return Part("frontend", ("frontend", "--port", str(port)), tmp_path / "frontend.log")


def poll_until(supervisor, now, condition):
    def step():
        supervisor.poll(now)
        return condition()

    wait_until(step)


def test_part_that_ends_is_started_again_after_a_growing_delay(tmp_path, supervisor, told):
    supervisor.start(Part("short one", ("version",), tmp_path / "log"), now=0.0)
    now, delays = 0.0, []
    delay = FIRST_DELAY_S
    for number in range(1, 9):
        poll_until(supervisor, now, lambda number=number: len(told) == number)
        delays.append(delay)
        assert f"starting it again in {delay:g} s" in told[-1]
        supervisor.poll(now + delay - 0.001)
        assert supervisor.processes() == {}
        now += delay
        supervisor.poll(now)
        assert "short one" in supervisor.processes()
        delay = min(2 * delay, LONGEST_DELAY_S)
    assert delays[:3] == [0.5, 1.0, 2.0]
    assert delays[-1] == LONGEST_DELAY_S
    assert "the short one ended with status 0" in told[0]
    assert (tmp_path / "log").read_text().count("keepfit 0.") >= 8


def test_part_that_ran_long_starts_with_the_first_delay_again(tmp_path, supervisor, told):
    supervisor.start(Part("part", ("version",), tmp_path / "log"), now=0.0)
    poll_until(supervisor, 0.0, lambda: len(told) == 1)
    supervisor.poll(1.0)
    poll_until(supervisor, 1.0 + HEALTHY_AFTER_S, lambda: len(told) == 2)
    assert f"again in {FIRST_DELAY_S:g} s" in told[1]


def test_killed_part_comes_back(tmp_path, supervisor, told, free_port):
    supervisor.start(frontend(tmp_path, free_port), now=0.0)
    first = supervisor.processes()["frontend"]
    wait_until(lambda: _answers(free_port))
    os.kill(first, signal.SIGKILL)
    poll_until(supervisor, 1.0, lambda: told)
    assert "the frontend ended with status -9" in told[0]
    # its worker, which listens too, notices the death within a second
    wait_until(lambda: not _answers(free_port))
    supervisor.poll(2.0)
    second = supervisor.processes()["frontend"]
    assert second != first
    wait_until(lambda: _answers(free_port))
    stop_processes(supervisor.release(), 10)
    assert not psutil.pid_exists(second)
    assert not _answers(free_port)


def _answers(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_released_parts_are_not_started_again(tmp_path, supervisor):
    supervisor.start(Part("part", ("version",), tmp_path / "log"), now=0.0)
    (process,) = supervisor.release()
    process.wait(30)
    supervisor.poll(100.0)
    assert supervisor.processes() == {}


def test_process_that_will_not_end_is_killed_in_time():
    stubborn = subprocess.Popen(STUBBORN, stdout=subprocess.PIPE)
    willing = subprocess.Popen(SLEEPER)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    stubborn.stdout.readline()
    started = time.monotonic()
    stop_processes([stubborn, willing, ended], timeout_s=0.5)
    assert time.monotonic() - started < 5
    assert stubborn.returncode == -signal.SIGKILL
    assert willing.returncode == -signal.SIGTERM
    stubborn.stdout.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux's kernel tells a child of its parent's death")
def test_child_ends_when_its_parent_is_killed(tmp_path, free_port):
    code = (
        "import os, pathlib, sys, time; from keepfit.supervisor import start_keepfit\n"
        "child = start_keepfit(['frontend', '--port', sys.argv[1]], os.environ, pathlib.Path(sys.argv[2]))\n"
        "print(child.pid, flush=True); time.sleep(600)\n"
    )
    command = [sys.executable, "-c", code, str(free_port), str(tmp_path / "log")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        child = int(parent.stdout.readline())
        wait_until(lambda: _answers(free_port))
        parent.kill()
    wait_until(lambda: not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE)
    wait_until(lambda: not _answers(free_port))


@pytest.mark.skipif(sys.platform != "linux", reason="only there the child can tell")
def test_child_whose_parent_died_before_it_started_ends():
    environ = {**os.environ, "KEEPFIT_PARENT": str(2**22 + 1)}
    done = subprocess.run([sys.executable, "-m", "keepfit", "version"], env=environ, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (1, b"")


def test_output_goes_to_the_log_and_is_appended(tmp_path):
    for _ in range(2):
        assert start_keepfit(["version"], os.environ, tmp_path / "log").wait(30) == 0
    assert (tmp_path / "log").read_text().count("keepfit 0.") == 2


def test_taken_port_is_named_with_what_to_do():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortInUseError) as caught:
            require_free("127.0.0.1", port, "web page", "frontend.port")
    assert str(caught.value) == (
        f"port {port} for the web page is in use on 127.0.0.1: stop what listens there or set another frontend.port"
    )


def test_free_port_is_free(free_port):
    require_free("127.0.0.1", free_port, "web page", "frontend.port")
    require_free("localhost", free_port, "web page", "frontend.port")


@pytest.mark.parametrize("host", ["192.0.2.1", "no such host", "x" * 300, "a..b", "\udc80"])
def test_address_of_another_machine_is_a_mistake_in_the_config(host, free_port):
    with pytest.raises(ConfigError, match="the web page cannot listen on"):
        require_free(host, free_port, "web page", "frontend.port")

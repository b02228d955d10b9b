"""The frontend as a process of its own under gunicorn."""

import signal
import socket
import subprocess
import sys
import threading
import time

import httpx
import pytest

from keepfit.errors import ConfigError, PortInUseError
from keepfit.frontend.command import listen, run
from keepfit.frontend.settings import FrontendSettings

from .conftest import eventually, free_port

PROGRAM = """
import sys
from keepfit.frontend.command import run
from keepfit.frontend.settings import FrontendSettings
run(FrontendSettings("keepfit", sys.argv[1], timeout_s=20), "127.0.0.1", int(sys.argv[2]))
print("ended by itself")
"""


class Frontend:
    def __init__(self, serving_url):
        self.url = f"http://127.0.0.1:{free_port()}"
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, serving_url, self.url.rpartition(":")[2]],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        eventually(self._answers, "the frontend answers")

    def _answers(self):
        assert self.process.poll() is None, self.process.stdout.read()
        try:
            return httpx.get(f"{self.url}/openapi.json", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    def end(self):
        begun = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        output, _ = self.process.communicate(timeout=30)
        return self.process.returncode, output, time.monotonic() - begun


@pytest.fixture
def frontend(fake):
    frontend = Frontend(fake.url)
    yield frontend
    if frontend.process.poll() is None:
        frontend.process.kill()
    frontend.process.communicate()


def test_predicts_and_ends_at_once_when_idle(frontend):
    with httpx.Client(base_url=frontend.url, trust_env=False) as client:  # its connection stays open meanwhile
        assert client.post("/predict", data={"x1": "1.5", "x2": "2.3"}).json() == {"predictions": [[0.8203125]]}
        code, output, seconds = frontend.end()
    assert (code, output) == (0, "ended by itself\n")
    assert seconds < 5  # the grace that requests in flight would have


def test_finishes_requests_in_flight_when_it_is_ended(fake, frontend):
    fake.delay_s = 30
    found = []

    def ask():
        found.append(httpx.post(f"{frontend.url}/predict", json={"instances": [[1, 2]]}, timeout=30, trust_env=False))

    asking = threading.Thread(target=ask)
    asking.start()
    eventually(lambda: len(fake.asked) == 1, "the model server is asked")
    threading.Timer(0.5, fake.released.set).start()
    code, _, seconds = frontend.end()
    asking.join()

    assert found[0].json() == {"predictions": [[0.8203125]]}
    assert code == 0
    assert seconds < 5


def test_does_not_wait_for_ever_for_a_request_in_flight(fake, frontend):
    fake.delay_s = 30
    address = ("127.0.0.1", int(frontend.url.rpartition(":")[2]))
    with socket.create_connection(address) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        eventually(lambda: len(fake.asked) == 1, "the model server is asked")
        assert frontend.end()[2] < 8


def test_many_slow_requests_do_not_stop_the_health_check(fake, frontend):
    fake.delay_s = 30

    def ask():
        httpx.post(f"{frontend.url}/predict", json={"instances": [[1, 2]]}, timeout=30, trust_env=False)

    asking = [threading.Thread(target=ask) for _ in range(10)]
    for thread in asking:
        thread.start()
    eventually(lambda: len(fake.asked) == 10, "all are at the model server")
    fake.delay_s = 0
    assert httpx.get(f"{frontend.url}/healthz", timeout=5, trust_env=False).json()["status"] == "ok"
    fake.released.set()
    for thread in asking:
        thread.join()


def test_taken_port_is_named_with_what_to_do():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortInUseError, match=f"Port {port} .* another frontend.port in config.json"):
            run(FrontendSettings("keepfit"), "127.0.0.1", port)


def test_address_that_is_not_ours_is_named():
    with pytest.raises(ConfigError, match=r"192\.0\.2\.1"):
        listen("192.0.2.1", 0)
    with pytest.raises(ConfigError, match="no-such-host"):
        listen("no-such-host.invalid", 0)

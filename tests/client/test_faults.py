"""The real server behind a line that fails, and a real server that dies: all four clients."""

import contextlib
import shutil
import socket
import struct
import threading
import time

import numpy as np
import pytest

from keepfit.client import Retry
from keepfit.errors import ModelNotFoundError, TimedOutError, UnreachableError

from ..serving.conftest import free_ports, wait_for  # noqa: TID252 - tests are no installed package
from .conftest import KINDS

X = np.array([[1, 2], [3, 4.5]], np.float32)


class Line:
    """Passes bytes between clients and a server's port; cuts, stalls or resets the next connections as told."""

    def __init__(self, port):
        self.resets = self.connections = 0
        self.cut_after = None
        self.is_stalled = False
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._open = []
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.connections += 1
                server = socket.create_connection(("127.0.0.1", self._port))
                self._open += [client, server]
                for source, sink in ((client, server), (server, client)):
                    threading.Thread(target=self._pass, args=(source, sink, client), daemon=True).start()

    def _pass(self, source, sink, client):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if source is client and self.resets > 0:
                    self.resets -= 1
                    reset(client)
                    return
                if source is not client and self.cut_after is not None:
                    self.cut_after -= len(data)
                    if self.cut_after < 0:
                        self.cut_after = None
                        reset(client)
                        return
                if not self.is_stalled:
                    sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self._accepting.join()
        self._listener.close()
        for one in self._open:
            one.close()


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.shutdown(socket.SHUT_RD)
    connection.close()


@pytest.fixture
def line(kind, shared):
    line = Line(shared.rest_port if kind.transport == "rest" else shared.grpc_port)
    yield line
    line.close()


@pytest.fixture
def far(kind, line):
    scheme = "http" if kind.transport == "rest" else "grpc"
    with kind.connect(f"{scheme}://127.0.0.1:{line.port}", timeout_s=60, retry=Retry(within_s=3)) as client:
        yield client


def test_connection_that_is_reset_is_made_again(far, line):
    assert far.predict(X).array.tolist() == [[6.0], [15.0]]
    line.resets = 1
    assert far.predict(X).array.tolist() == [[6.0], [15.0]]


def test_line_that_always_resets_is_told_after_a_few_times(far, line):
    far.predict(X)
    line.resets, before = 1_000, line.connections
    with pytest.raises(UnreachableError):
        far.predict(X)
    assert line.connections - before < 20


def test_answer_that_is_cut_off_is_asked_for_again(far, line):
    x = np.ones((50_000, 2), np.float32)
    far.predict(X)
    line.cut_after = 100_000
    assert far.predict(x).array.shape == (50_000, 1)
    assert line.cut_after is None


def test_line_that_stalls_is_left_at_the_time_limit(far, line):
    far.predict(X)
    line.is_stalled = True
    begun = time.monotonic()
    with pytest.raises(TimedOutError, match=r"within 0\.5 s"):
        far.predict(X, timeout_s=0.5)
    assert time.monotonic() - begun < 10


@pytest.mark.slow
def test_server_that_is_killed_and_comes_back_is_bridged(serve, prepared, tmp_path):
    models = tmp_path / "models"
    models.mkdir()
    shutil.copytree(prepared / "2", models / "2")
    ports = free_ports(2)
    flags = (f"--port={ports[0]}", f"--rest_api_port={ports[1]}")
    server = serve(models, *flags, wait=False)
    addresses = {"rest": f"http://127.0.0.1:{ports[1]}", "grpc": f"grpc://127.0.0.1:{ports[0]}"}
    with contextlib.ExitStack() as stack:
        bridging = Retry(within_s=120)
        clients = [
            stack.enter_context(kind.connect(addresses[kind.transport], timeout_s=150, retry=bridging))
            for kind in KINDS
        ]
        for client in clients:
            wait_for(client.ready, 90)
            client.predict(X)
        server.process.kill()
        server.process.wait()
        serve(models, *flags, wait=False)
        for client in clients:
            wait_for(lambda client=client: answers(client), 90)


def answers(client):
    """Whether the model is there; a server that is not there is no excuse."""
    try:
        return client.predict(X).array.tolist() == [[6.0], [15.0]]
    except ModelNotFoundError:  # it listens before its first version is loaded
        return False


def test_large_messages_go_both_ways(client, kind):
    if (kind.transport, kind.mode) not in {("rest", "sync"), ("grpc", "sync")}:
        pytest.skip("the same bytes by the same code; once a transport is enough")
    values = np.random.default_rng(0).random(14_000_000 if kind.transport == "grpc" else 5_500_000)
    little = {"flag": [True], "small": [1], "large": [1], "half": [1.0], "brain": [1.0]}
    found = client.predict({**little, "real": values}, signature="types", timeout_s=150)
    np.testing.assert_array_equal(found["real"], values)

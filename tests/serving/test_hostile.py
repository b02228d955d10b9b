"""Clients that break the rules of HTTP, HTTP/2 or good manners: refused, bounded, and nobody else notices."""

import contextlib
import gzip
import json
import os
import shutil
import socket
import struct
import time

import h2.config
import h2.connection
import h2.events
import httpx
import psutil
import pytest

from .conftest import wait_for

MEBI = 2**20


@pytest.fixture(scope="module")
def server(serve, prepared, tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    shutil.copytree(prepared / "2", folder / "models" / "2")
    return serve(folder / "models", f"--max_body_bytes={32 * MEBI}")


@pytest.fixture(autouse=True)
def lives_on(server):
    before = server.worker_pids()
    yield
    wait_for(lambda: server.predict().json() == {"predictions": [[6.0]]}, 30, server.log.read_text)
    assert server.worker_pids() == before
    assert "Traceback" not in server.log.read_text()


def exchange(port, content, *, timeout_s=10.0):
    """Send bytes, end our side, and return all that comes back."""
    received = b""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout_s) as connection, contextlib.suppress(OSError):
        connection.sendall(content)
        connection.shutdown(socket.SHUT_WR)
        while part := connection.recv(65536):
            received += part
    return received


POST = b"POST /v1/models/m:predict HTTP/1.1\r\nHost: x\r\n"
HIDDEN = b"GET /healthz?hidden HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
BODY = b'{"instances": [[1.0, 2.0]]}'


@pytest.mark.parametrize(
    "content",
    [
        POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
        POST + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" + HIDDEN,
        POST + b"Content-Length: 0\r\nContent-Length: 90\r\n\r\n" + HIDDEN,
        POST + b"Content-Length: 0, 90\r\n\r\n" + HIDDEN,
        POST + b"Content-Length: -1\r\n\r\n" + HIDDEN,
        POST + b"Content-Length: +5\r\n\r\n" + HIDDEN,
        POST + b"Content-Length: 5x\r\n\r\n" + HIDDEN,
        POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + HIDDEN,
        POST + b"Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
        POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + HIDDEN,
        POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
        POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n" + HIDDEN,
        POST + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n" + HIDDEN,
        POST + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n" + HIDDEN,
        POST + b"X: a\x00b\r\n\r\n" + HIDDEN,
        POST + b"X y: z\r\n\r\n" + HIDDEN,
        b"GET /nothing\r\n\r\n" + HIDDEN,
        b"G\x01T /nothing HTTP/1.1\r\nHost: x\r\n\r\n" + HIDDEN,
        b"\r\n" * 1000 + b"\x16\x03\x01" + os.urandom(500),
    ],
)
def test_ambiguous_requests_smuggle_nothing(server, content):
    answer = exchange(server.rest_port, content)
    assert b" 200 " not in answer.partition(b"\r\n")[0]
    assert b'"alive"' not in answer
    assert b"HTTP/1.1 5" not in answer.replace(b"HTTP/1.1 501", b"").replace(b"HTTP/1.1 505", b"")


@pytest.mark.parametrize("headers", [b"", b"Host: x\r\n"])
def test_http_1_0_is_answered(server, headers):
    with socket.create_connection(("127.0.0.1", server.rest_port), timeout=30) as connection:
        connection.sendall(b"POST /v1/models/m:predict HTTP/1.0\r\n%sContent-Length: 27\r\n\r\n%s" % (headers, BODY))
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert b" 200 " in answer.partition(b"\r\n")[0]
    assert answer.endswith(b'{"predictions":[[6.0]]}')


@pytest.mark.parametrize("length", [b"99999999999999999999999999", b"9223372036854775807", b"33554433"])
def test_huge_declared_lengths_are_refused_at_once(server, length):
    started = time.monotonic()
    with socket.create_connection(("127.0.0.1", server.rest_port), timeout=20) as connection:
        connection.sendall(POST + b"Content-Length: " + length + b"\r\n\r\n")
        status = connection.recv(1000).split(b"\r\n")[0].split(b" ")[1:2]
    assert status in ([b"413"], [b"400"])
    assert time.monotonic() - started < 10


def call(server, body, headers=()):
    """Make a gRPC call of our own bytes over HTTP/2; return the status in its trailers, or None if it was reset."""
    with Http2(server.grpc_port) as client:
        path = "/tensorflow.serving.PredictionService/Predict"
        return client.request(
            [(":path", path), ("content-type", "application/grpc"), ("te", "trailers"), *headers], body
        )


class Http2:
    """A client that speaks HTTP/2 with our own frames."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.connection = h2.connection.H2Connection(h2.config.H2Configuration(validate_outbound_headers=False))
        self.connection.initiate_connection()
        self.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def flush(self):
        self.socket.sendall(self.connection.data_to_send())

    def _send_body(self, stream, body):
        """Send as the server's window allows."""
        while body:
            size = min(len(body), self.connection.local_flow_control_window(stream), 16384)
            if size:
                self.connection.send_data(stream, body[:size])
                body = body[size:]
            else:
                self.flush()
                self.connection.receive_data(self.socket.recv(65536))

    def request(self, headers, body):
        stream = self.connection.get_next_available_stream_id()
        every = [(":method", "POST"), (":scheme", "http"), (":authority", "x"), *headers]
        self.connection.send_headers(stream, every)
        self._send_body(stream, body)
        self.connection.end_stream(stream)
        self.flush()
        found = {}
        while True:
            data = self.socket.recv(65536)
            events = self.connection.receive_data(data) if data else [h2.events.ConnectionTerminated()]
            for event in events:
                if isinstance(event, h2.events.ResponseReceived | h2.events.TrailersReceived):
                    found |= dict(event.headers)
                if isinstance(event, h2.events.StreamReset | h2.events.ConnectionTerminated):
                    return None
                if isinstance(event, h2.events.StreamEnded):
                    return int(found[b"grpc-status"])


@pytest.mark.parametrize(
    ("body", "codes"),
    [
        (b"", {3}),
        (b"\x00\x00\x00", {3}),
        (struct.pack(">BI", 0, 2**32 - 1) + b"x", {3, 8}),
        (struct.pack(">BI", 0, 1) + b"xyz", {3}),
        (struct.pack(">BI", 1, 3) + b"xyz", {3, 12}),
        (struct.pack(">BI", 255, 0), {3, 12, 0}),
        (struct.pack(">BI", 0, 5) + b"\xff" * 5, {3}),
    ],
)
def test_broken_grpc_framing_has_a_clear_status(server, body, codes):
    assert call(server, body) in codes


def test_bombs_of_gzip_are_refused_and_leave_no_memory_behind(server):
    bomb = gzip.compress(bytes(300 * MEBI), 9)
    before = resident_bytes(server)
    answer = httpx.post(
        f"{server.url}/v1/models/m:predict", content=bomb, headers={"content-encoding": "gzip"}, timeout=60
    )
    assert answer.status_code == 413, answer.text
    framed = struct.pack(">BI", 1, len(bomb)) + bomb
    assert call(server, framed, [("grpc-encoding", "gzip")]) == 8
    assert resident_bytes(server) - before < 150 * MEBI


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 1_000_000,
        b'{"instances": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"instances": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}",
        b'{"instances": [' + b"9" * 1_000_000 + b"]}",
        b'{"instances": ["' + b"\\ud800" * 100_000 + b'"]}',
        json.dumps({f"k{number}": 1 for number in range(100_000)}).encode(),
    ],
    ids=["open", "lists", "objects", "digits", "surrogates", "keys"],
)
def test_monstrous_json_is_refused(server, body):
    answer = httpx.post(f"{server.url}/v1/models/m:predict", content=body, timeout=60)
    assert answer.status_code == 400
    assert len(answer.content) < 10_000


def test_frames_of_http2_that_break_its_rules_end_only_their_connection(server):
    def frame(kind, flags, stream, payload=b""):
        return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload

    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0)
    attacks = {
        "data on stream 0": frame(0, 0, 0, b"x"),
        "headers on an even stream": frame(1, 5, 2, b"\x82"),
        "window beyond its limit": frame(8, 0, 0, struct.pack(">I", 2**31 - 1)) * 2,
        "settings of odd length": frame(4, 0, 0, b"\x00"),
        "settings by the thousand": frame(4, 0, 0) * 20_000,
        "pings by the thousand": frame(6, 0, 0, b"12345678") * 20_000,
        "continuation without end": frame(1, 0, 1, b"\x82") + frame(9, 0, 1, b"\x40\x01a\x01b" * 100) * 5_000,
        "a frame that is too large": frame(0, 0, 1, bytes(2**20)),
        "nonsense in headers": frame(1, 5, 1, os.urandom(200)),
        "resets by the thousand": b"".join(
            frame(1, 5, stream, b"\x82\x86\x84\x41\x01x") + frame(3, 0, stream, b"\0\0\0\x08")
            for stream in range(1, 20_001, 2)
        ),
        "stream that depends on itself": frame(2, 0, 1, struct.pack(">IB", 1, 1)),
        "unknown frames": frame(200, 255, 0, b"x" * 1000) * 100,
    }
    before = resident_bytes(server)
    for content in attacks.values():
        for port in (server.rest_port, server.grpc_port):
            send_only(port, preface + content)
    assert server.predict().status_code == 200
    assert resident_bytes(server) - before < 200 * MEBI


def send_only(port, content):
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection, contextlib.suppress(OSError):
        connection.sendall(content)
        connection.settimeout(0.2)
        while connection.recv(65536):
            pass


def test_a_thousand_idle_and_half_open_connections_disturb_nobody(server):
    before = resident_bytes(server)
    openings = (b"", b"POST /v1/mod", POST, POST + b"Content-Length: 100\r\n\r\n{", b"PRI * HTTP/2.0\r\n\r\nSM")
    with contextlib.ExitStack() as stack:
        for number in range(1000):
            port = (server.rest_port, server.grpc_port)[number % 2]
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20))
            connection.sendall(openings[number % len(openings)])
        started = time.monotonic()
        assert server.predict().json() == {"predictions": [[6.0]]}
        assert time.monotonic() - started < 5
        assert resident_bytes(server) - before < 200 * MEBI


def test_clients_that_cut_their_connections_amid_answers_leave_no_trace(server):
    """The log is looked at after each test: an answer on its way to nobody must not show there as a traceback."""
    hang_up = struct.pack("ii", 1, 0)
    for number in range(200):
        with Http2(server.grpc_port) as client:
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, hang_up)
            for stream in range(1, 20, 2):
                headers = [(":method", "POST"), (":scheme", "http"), (":authority", "x"), (":path", "/nothing")]
                client.connection.send_headers(stream, [*headers, ("content-type", "application/grpc")])
                client.connection.end_stream(stream)
            client.flush()
            time.sleep(number % 20 / 10_000)


def test_client_that_leaves_within_its_body_is_forgotten(server):
    for _ in range(50):
        with socket.create_connection(("127.0.0.1", server.rest_port), timeout=20) as connection:
            connection.sendall(POST + b"Content-Length: 1000000\r\n\r\n" + bytes(100_000))
    metrics = f"{server.url}/monitoring/prometheus/metrics"
    wait_for(lambda: "keepfit_requests_in_flight 1\n" in httpx.get(metrics).text, 30, server.log.read_text)
    assert "keepfit_held_bytes 0\n" in httpx.get(metrics).text


def resident_bytes(server):
    return psutil.Process(server.process.pid).memory_info().rss

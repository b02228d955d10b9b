"""A small real HTTP server that answers like TensorFlow Serving, or as badly as a test wants."""

import json
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


def tensor(dtype: str, *sizes: int) -> dict[str, Any]:
    dims = [{"size": str(size), "name": ""} for size in sizes]
    return {"dtype": dtype, "tensor_shape": {"dim": dims, "unknown_rank": False}, "name": "serving_default_x:0"}


def signatures(outputs: dict[str, Any] | None = None, **inputs: dict[str, Any]) -> dict[str, Any]:
    return {
        "serving_default": {
            "inputs": inputs,
            "outputs": outputs or {"predictions": tensor("DT_FLOAT", -1, 1)},
            "method_name": "tensorflow/serving/predict",
        }
    }


TWO_FEATURES = signatures(features=tensor("DT_FLOAT", -1, 2))
MIXED = signatures(
    age=tensor("DT_FLOAT", -1),
    member=tensor("DT_BOOL", -1),
    city=tensor("DT_STRING", -1),
    visits=tensor("DT_INT64", -1),
)


def answer_each(value: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda request: {"predictions": [value for _ in request["instances"]]}


@dataclass
class FakeServing:
    """What the server does with the next requests; a test changes it while it runs."""

    port: int = 0
    signatures: dict[str, Any] = field(default_factory=lambda: TWO_FEATURES)
    states: list[tuple[int, str, str]] = field(default_factory=lambda: [(3, "AVAILABLE", "")])
    predict: Callable[[dict[str, Any]], Any] = field(default_factory=lambda: answer_each([0.8203125]))
    status: int = 200
    raw: bytes | None = None
    delay_s: float = 0.0
    resets: int = 0
    drip_s: float = 0.0
    busy: int = 0
    retry_after: str | None = None
    encoding: str | None = None
    read: Callable[[bytes], bytes] = bytes
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, bytes]] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        if self.busy > 0:
            self.busy -= 1
            return 503, b'{"error": "busy"}'
        if self.raw is not None or self.status != 200:
            return self.status, self.raw if self.raw is not None else b'{"error": "as the test wants"}'
        if not path.startswith("/v1/models/keepfit"):
            return 404, json.dumps({"error": "Could not find any versions of model"}).encode()
        if method == "POST":
            try:
                return 200, json.dumps(self.predict(json.loads(self.read(body)))).encode()
            except LookupError:
                return 400, b'{"error": "this does not fit"}'
        if path.endswith("/metadata"):
            return 200, json.dumps(
                {
                    "model_spec": {"name": "keepfit", "signature_name": "", "version": "3"},
                    "metadata": {"signature_def": {"signature_def": self.signatures}},
                }
            ).encode()
        entries = [
            {"version": str(version), "state": state, "status": {"error_code": "OK", "error_message": message}}
            for version, state, message in self.states
        ]
        return 200, json.dumps({"model_version_status": entries}).encode()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet: no wait for the acknowledgement of the head
    fake: FakeServing

    def do_GET(self) -> None:
        fake = self.fake
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fake.asked.append((self.path, body))
        fake.headers = {name.lower(): value for name, value in self.headers.items()}
        if fake.resets > 0:
            fake.resets -= 1
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()
            return
        fake.released.wait(fake.delay_s)
        status, content = fake.answer(self.command, self.path, body)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        for name, value in (("Retry-After", fake.retry_after), ("Content-Encoding", fake.encoding)):
            if value is not None:
                self.send_header(name, value)
        self.end_headers()
        if fake.drip_s:
            for byte in content:
                if fake.released.wait(fake.drip_s):
                    return
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
        else:
            self.wfile.write(content)

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A test that resets or gives up is no news."""


def start(fake: FakeServing, port: int = 0) -> _Server:
    handler = type("Handler", (_Handler,), {"fake": fake})
    server = _Server(("127.0.0.1", port), handler)
    fake.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    return server


def stop(fake: FakeServing, server: _Server) -> None:
    fake.released.set()
    server.shutdown()
    server.server_close()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])

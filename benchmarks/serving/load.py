"""Load from wrk (REST) and h2load (gRPC): how many requests, how fast, how many failed."""

import json
import re
import struct
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from keepfit import protos
from serving.processes import Server

WRK_SCRIPT = """
wrk.method = "POST"
wrk.headers["content-type"] = "application/json"
local file = io.open(os.getenv("BODY"), "rb")
wrk.body = file:read("*a")
file:close()
function done(summary, latency)
  local e = summary.errors
  io.write(string.format(
    '\\n{"requests": %d, "duration_us": %d, "p50_us": %d, "p99_us": %d, "max_us": %d, "failures": %d}\\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), latency.max,
    e.connect + e.read + e.write + e.status + e.timeout))
end
"""


@dataclass(frozen=True)
class Load:
    """What a load generator saw in one round. Latencies are 0 where it does not tell them."""

    per_s: float
    failures: int
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    max_ms: float = 0.0


class Bodies:
    """Request bodies, as files that load generators read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.script = self._write("post.lua", WRK_SCRIPT.encode())
        self.json_tiny = self._write("tiny.json", json.dumps({"instances": [[1.0, 2.0]]}).encode())
        rows = [[round((7 * row + 13 * column) % 1000 / 1001, 4) for column in range(784)] for row in range(128)]
        self.json_large = self._write("large.json", json.dumps({"instances": rows}).encode())
        self.grpc_tiny = self._write("tiny.bin", _predict_message("x", [1, 2], [1.0, 2.0]))
        flat = [value for row in rows for value in row]
        self.grpc_large = self._write("large.bin", _predict_message("x", [128, 784], flat))

    def _write(self, name: str, content: bytes) -> Path:
        path = self._folder / name
        path.write_bytes(content)
        return path


def wrk(bodies: Bodies, server: Server, path: str, body: Path, connections: int, seconds: float) -> Load:
    """Post a body again and again over some connections."""
    output = subprocess.run(
        [
            *("wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "--timeout", "10s", "-s", str(bodies.script)),
            server.url + path,
        ],
        env={"BODY": str(body)},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    found = json.loads(output.splitlines()[-1])
    return Load(
        per_s=found["requests"] / found["duration_us"] * 1e6,
        failures=found["failures"],
        p50_ms=found["p50_us"] / 1e3,
        p99_ms=found["p99_us"] / 1e3,
        max_ms=found["max_us"] / 1e3,
    )


def h2load(server: Server, body: Path, connections: int, streams: int, seconds: float) -> Load:
    """Call Predict again and again over some connections with some streams each."""
    before = server.answered()
    output = subprocess.run(
        [
            *("h2load", "-t1", f"-c{connections}", f"-m{streams}", f"-D{seconds:g}", f"-d{body}"),
            *("-H", "content-type: application/grpc", "-H", "te: trailers"),
            f"http://127.0.0.1:{server.grpc_port}/tensorflow.serving.PredictionService/Predict",
        ],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    done = int(_search(r"(\d+) done", output))
    # h2load does not look at grpc-status: the server's own count says how many answers were good.
    good = server.answered() - before
    return Load(per_s=done / seconds, failures=max(0, int(done - good)))


def _search(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if match is None:
        sys.exit(f"h2load printed no {pattern!r}:\n{text}")
    return match[1]


def _predict_message(name: str, shape: list[int], values: list[float]) -> bytes:
    request = protos.PredictRequest(model_spec=protos.ModelSpec(name="m"))
    tensor = request.inputs[name]
    tensor.dtype = 1
    for size in shape:
        tensor.tensor_shape.dim.add(size=size)
    tensor.tensor_content = struct.pack(f"<{len(values)}f", *values)
    content: bytes = request.SerializeToString()
    return struct.pack(">BI", 0, len(content)) + content

"""Swaps versions under a steady stream of predictions: failures, time to the new version, and latency beside a control.

Run: python benchmarks/serving_swap.py [--swaps 20] [--connections 4]
"""

import argparse
import http.client
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

MODELS_PROGRAM = """
import sys
import tensorflow as tf


class Scaler(tf.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = tf.Variable(float(factor))

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="x")])
    def scale(self, x):
        return {"y": tf.reduce_sum(x, axis=1) * self.factor}


for factor in range(1, int(sys.argv[2]) + 1):
    module = Scaler(factor)
    tf.saved_model.save(module, f"{sys.argv[1]}/{factor}", signatures={"serving_default": module.scale})
"""
BODY = json.dumps({"instances": [[1.0, 0.0]]})
PATH = "/v1/models/m:predict"


@dataclass(frozen=True)
class Sample:
    """One request: when it was answered, how long it took, and what it said (None if it failed)."""

    end: float
    seconds: float
    value: float | None


class Stream:
    """Connections that predict one after the other until stopped."""

    def __init__(self, port: int, connections: int) -> None:
        self._port = port
        self._stop = threading.Event()
        self.samples: list[Sample] = []
        self._threads = [threading.Thread(target=self._run) for _ in range(connections)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        while not self._stop.is_set():
            start = time.perf_counter()
            value = ask(connection)
            end = time.perf_counter()
            self.samples.append(Sample(end, end - start, value))


def ask(connection: http.client.HTTPConnection) -> float | None:
    try:
        connection.request("POST", PATH, BODY)
        answer = connection.getresponse()
        content = answer.read()
    except (OSError, http.client.HTTPException):
        connection.close()
        return None
    return float(json.loads(content)["predictions"][0]) if answer.status == 200 else None


@contextmanager
def server(models: Path) -> Iterator[int]:
    """Run a model server; yields its REST port."""
    with socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        rest_port, grpc_port = one.getsockname()[1], two.getsockname()[1]
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "keepfit.serving.command", "--model_name=m"),
            *(f"--rest_api_port={rest_port}", f"--port={grpc_port}", f"--model_base_path={models}"),
        ]
    )
    try:
        yield rest_port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def wait_for_value(port: int, value: float) -> float:
    """Return the seconds until the server answers with a value."""
    start = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    while ask(connection) != value:
        if time.perf_counter() - start > 60:
            sys.exit(f"the server did not answer {value} within 60 s")
        time.sleep(0.005)
    return time.perf_counter() - start


def swap(stream: Stream, prepared: Path, models: Path, version: int) -> float:
    """Move a version into place; return the seconds until its first answer within the stream."""
    start = time.perf_counter()
    (prepared / str(version)).rename(models / str(version))
    seen = len(stream.samples)
    while time.perf_counter() - start < 60:
        fresh = stream.samples[seen:]
        seen += len(fresh)
        for sample in fresh:
            if sample.value == version:
                return sample.end - start
        time.sleep(0.005)
    sys.exit(f"version {version} did not answer within 60 s")


def describe(samples: list[Sample]) -> str:
    times = sorted(sample.seconds * 1000 for sample in samples)
    return (
        f"{len(times):>8}  {statistics.median(times):>8.2f}  {times[int(len(times) * 0.99)]:>8.2f}  {times[-1]:>8.2f}"
        f"  {sum(sample.value is None for sample in samples):>8}"
    )


def import_tensorflow_s() -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import tensorflow"], check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--swaps", type=int, default=20)
    parser.add_argument("--connections", type=int, default=4)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        prepared, models = Path(folder, "prepared"), Path(folder, "models")
        models.mkdir()
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
        subprocess.run(
            [sys.executable, "-c", MODELS_PROGRAM, str(prepared), str(arguments.swaps + 1)],
            check=True,
            env=environment,
            capture_output=True,
        )
        shutil.move(prepared / "1", models / "1")
        imported = import_tensorflow_s()
        started = time.perf_counter()
        with server(models) as port:
            wait_for_value(port, 1.0)
            first = time.perf_counter() - started
            stream = Stream(port, arguments.connections)
            times = []
            try:
                time.sleep(1.0)
                warm = len(stream.samples)
                time.sleep(10.0)
                steady = stream.samples[warm:]
                begin = len(stream.samples)
                times = [swap(stream, prepared, models, version) for version in range(2, arguments.swaps + 2)]
                swapped = stream.samples[begin:]
            finally:
                stream.stop()
    print(f"start to first prediction: {first:.2f} s; import tensorflow alone: {imported:.2f} s")
    print(f"rename to first answer of the new version, {len(times)} swaps, polled once a second: ", end="")
    print(f"min {min(times):.2f} s, median {statistics.median(times):.2f} s, max {max(times):.2f} s")
    print(f"{arguments.connections} connections   requests    p50 ms    p99 ms    max ms  failures")
    print(f"steady (control) {describe(steady)}")
    print(f"during swaps     {describe(swapped)}")
    return 1 if any(sample.value is None for sample in stream.samples) else 0


if __name__ == "__main__":
    sys.exit(main())

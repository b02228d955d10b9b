"""What keepfit.client adds to a call, beside raw httpx and raw grpcio that send the same bytes in the same run.

    python benchmarks/client.py [--rounds 15]

The raw calls send a body that is made once and do not read the answer's numbers; the client makes the body from an
array and the answer into one. Rounds of all contenders follow one another, so that a machine whose speed drifts
decides nothing. Every figure is the median over the rounds of the mean time of a call.
"""

import argparse
import asyncio
import gzip
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import grpc
import httpx
import numpy as np

from keepfit import protos
from keepfit.client import AsyncClient, Client
from keepfit.tensor_proto import packed
from machine import describe

MODEL = """
import sys
import tensorflow as tf
module = tf.Module()
module.weights = tf.Variable(tf.ones((784, 10)))
call = tf.function(lambda x: {"y": x @ module.weights}, input_signature=[tf.TensorSpec([None, 784], name="x")])
tf.saved_model.save(module, sys.argv[1], signatures=call)
"""
PREDICT = "/tensorflow.serving.PredictionService/Predict"
SHAPES = ((1, 784), (128, 784))

Call = Callable[[], object]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        models = Path(folder, "models")
        subprocess.run([sys.executable, "-c", MODEL, str(models / "1")], check=True, stderr=subprocess.DEVNULL)
        rest_port, grpc_port = _free_ports()
        flags = ["--model_name=m", f"--model_base_path={models}", f"--port={grpc_port}", f"--rest_api_port={rest_port}"]
        server = subprocess.Popen(
            [sys.executable, "-m", "keepfit.serving.command", *flags],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            rest, direct = f"http://127.0.0.1:{rest_port}", f"127.0.0.1:{grpc_port}"
            _await(rest)
            print(describe())
            _report_import()
            for shape in SHAPES:
                _report(shape, _measure(shape, rest, direct, rounds))
            _report_compression()
        finally:
            server.terminate()
            server.wait()


def _measure(shape: tuple[int, int], rest: str, direct: str, rounds: int) -> dict[str, float]:
    x = np.random.default_rng(0).random(shape).astype(np.float32)
    body = b'{"inputs":{"x":' + str(x.tolist()).encode() + b"}}"
    message = protos.PredictRequest()
    message.model_spec.name = "m"
    message.inputs["x"].CopyFrom(packed(x))
    serialized = message.SerializeToString()
    calls = 200 if shape[0] == 1 else 30
    with ExitStack() as stack, asyncio.Runner() as runner:
        http = stack.enter_context(httpx.Client(base_url=rest))
        call = stack.enter_context(grpc.insecure_channel(direct)).unary_unary(PREDICT, None, None)
        by_rest = stack.enter_context(Client(rest, "m"))
        by_grpc = stack.enter_context(Client(f"grpc://{direct}", "m"))
        async_rest, async_grpc = AsyncClient(rest, "m"), AsyncClient(f"grpc://{direct}", "m")

        async def repeat(client: AsyncClient) -> None:
            for _ in range(calls):
                await client.predict(x)

        def each(one: Call) -> Call:
            return lambda: [one() for _ in range(calls)]

        contenders: dict[str, Call] = {
            "raw httpx": each(lambda: http.post("/v1/models/m:predict", content=body).content),
            "Client, REST": each(lambda: by_rest.predict(x)),
            "AsyncClient, REST": lambda: runner.run(repeat(async_rest)),
            "raw grpcio": each(lambda: call(serialized, timeout=10)),
            "Client, gRPC": each(lambda: by_grpc.predict(x)),
            "AsyncClient, gRPC": lambda: runner.run(repeat(async_grpc)),
        }
        found: dict[str, list[float]] = {name: [] for name in contenders}
        for _ in range(rounds + 1):
            for name, run in contenders.items():
                started = time.perf_counter()
                run()
                found[name].append((time.perf_counter() - started) / calls)
        runner.run(async_rest.close())
        runner.run(async_grpc.close())
    return {name: statistics.median(times[1:]) for name, times in found.items()}


def _report(shape: tuple[int, int], found: dict[str, float]) -> None:
    print(f"\n{shape[0]} × {shape[1]} floats, one call after the other")
    for name, seconds in found.items():
        control = found["raw httpx" if "REST" in name or "httpx" in name else "raw grpcio"]
        print(f"  {name:18} {seconds * 1e6:8.0f} µs   {seconds / control:5.2f} × raw")


def _report_import() -> None:
    programs = {"numpy": "import numpy", "numpy, httpx, grpc": "import numpy, httpx, grpc"}
    programs["keepfit.client"] = "import keepfit.client"
    found: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(7):
        for name, program in programs.items():
            started = time.perf_counter()
            subprocess.run([sys.executable, "-c", program], check=True)
            found[name].append(time.perf_counter() - started)
    for name, times in found.items():
        print(f"  import {name:20} {statistics.median(times) * 1e3:6.0f} ms, with Python's own start")


def _report_compression() -> None:
    body = str(np.random.default_rng(0).random((1000, 784)).astype(np.float32).tolist()).encode()
    started = time.perf_counter()
    small = gzip.compress(body, compresslevel=1)
    seconds = time.perf_counter() - started
    pays_below = (len(body) - len(small)) * 8 / seconds / 1e6
    share = len(small) / len(body)
    print(f"\ngzip of {len(body) / 1e6:.1f} MB of JSON numbers: to {share:.2f} of it in {seconds * 1e3:.0f} ms")
    print(f"  compressing alone takes longer than it saves above {pays_below:.0f} Mbit/s")


def _await(url: str) -> None:
    deadline = time.monotonic() + 60
    with Client(url, "m") as client:
        while not client.ready():
            if time.monotonic() > deadline:
                raise SystemExit("the model server did not come up within 60 s")
            time.sleep(0.1)
    time.sleep(5)  # let the spare worker finish its start


def _free_ports() -> list[int]:
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return [one.getsockname()[1], other.getsockname()[1]]


if __name__ == "__main__":
    main()

"""The rows of the speed table, and what each is to reach.

The columns TensorFlow Serving and prototype were measured elsewhere, on a machine of two such cores; a ratio to the
control holds on any machine.
"""

from collections.abc import Callable
from dataclasses import dataclass

from serving import starts, swaps, throughput
from serving.bench import Bench, Figure, p50, rate


@dataclass(frozen=True)
class Row:
    """A row: what is measured, what others reach, and what is to be reached."""

    what: str
    tensorflow_serving: str
    prototype: str
    bound: float
    aim: float | None
    measure: Callable[[Bench], Figure]
    least: bool = True
    """Whether the bound is the least that will do; otherwise it is the most."""

    def met(self, figure: Figure) -> bool:
        return figure.value >= self.bound if self.least else figure.value <= self.bound


ROWS = {
    "rest64": Row("REST, 64 connections, of echo(64)", "0.42", "0.71", 0.75, 0.85, throughput.rest(rate, 64)),
    "rest16": Row("REST, 16 connections, of echo(16)", "0.40", "0.55", 0.60, 0.70, throughput.rest(rate, 16)),
    "rest1": Row(
        "REST, 1 connection: p50 over echo_p50(1)", "2.6", "3.1", 2.8, 2.0, throughput.rest(p50, 1), least=False
    ),
    "rest_large": Row(
        "REST, 128 × 784 numbers, 4 connections, of an echo that parses",
        "0.21",
        "0.54",
        0.80,
        1.2,
        throughput.rest_large,
    ),
    "grpc64": Row("gRPC, 4 connections × 16 streams, of echo(64)", "0.89", "0.65", 0.75, 1.0, throughput.grpc(16)),
    "grpc4": Row("gRPC, 4 connections × 1 stream, of echo(64)", "0.24", "0.09", 0.14, 0.24, throughput.grpc(1)),
    "grpc_large": Row(
        "gRPC, 128 × 784 floats, 4 connections, of echo(64)",
        "0.064",
        "0.042",
        0.050,
        0.070,
        throughput.grpc(1, large=True),
    ),
    "swap": Row(
        "p99 over 8 s with a swap of 200 MB over the steady p99",
        "2.1 to 2.8",
        "12 to 20",
        2.5,
        1.2,
        swaps.latency,
        least=False,
    ),
    "ready": Row("start to /readyz, s", "0.6", "3.3", 0.5, None, starts.readiness, least=False),
    "start": Row(
        "start to first prediction over import tensorflow", "0.6 s", "3.3 s", 1.3, None, starts.prediction, least=False
    ),
    "memory": Row("memory after 50 swaps over that after one", "grows", "grows", 1.05, 1.0, swaps.memory, least=False),
    "workers": Row("--workers_per_model 2 over 1, compute-bound", "–", "–", 1.5, None, throughput.workers),
}

PEERS = {
    "litserve": Row("LitServe, 64 connections, of echo(64)", "", "", 0.0, None, throughput.other("LitServe")),
    "bentoml": Row("BentoML, 64 connections, of echo(64)", "", "", 0.0, None, throughput.other("BentoML")),
}

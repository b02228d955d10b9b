"""Requests per second and median latency, over REST and gRPC, beside the control."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from serving.bench import Bench, Figure, rate
from serving.load import h2load, wrk
from serving.processes import Server, echo, keepfit, peer

PREDICT = "/v1/models/m:predict"


def rest(compare: Callable[..., Figure], connections: int) -> Callable[[Bench], Figure]:
    """Return the measurement of tiny JSON requests over some connections."""

    def measure(bench: Bench) -> Figure:
        with _beside_echo(bench.model("tiny")) as (server, control):
            body = bench.bodies.json_tiny
            return compare(
                bench,
                lambda: wrk(bench.bodies, server, PREDICT, body, connections, bench.seconds),
                lambda: wrk(bench.bodies, control, "/", body, connections, bench.seconds),
            )

    return measure


def rest_large(bench: Bench) -> Figure:
    """128 × 784 JSON numbers against Dense(10)."""
    with _beside_echo(bench.model("dense")) as (server, control):
        body = bench.bodies.json_large
        return rate(
            bench,
            lambda: wrk(bench.bodies, server, PREDICT, body, 4, bench.seconds),
            lambda: wrk(bench.bodies, control, "/size", body, 4, bench.seconds),
        )


def grpc(streams: int, *, large: bool = False) -> Callable[[Bench], Figure]:
    """Return the measurement of gRPC calls over 4 connections with some streams each."""

    def measure(bench: Bench) -> Figure:
        body = bench.bodies.grpc_large if large else bench.bodies.grpc_tiny
        with _beside_echo(bench.model("dense" if large else "tiny")) as (server, control):
            return rate(
                bench,
                lambda: h2load(server, body, 4, streams, bench.seconds),
                lambda: wrk(bench.bodies, control, "/", bench.bodies.json_tiny, 64, bench.seconds),
            )

    return measure


def other(name: str) -> Callable[[Bench], Figure]:
    """Return the measurement of another model server with tiny JSON requests over 64 connections."""

    def measure(bench: Bench) -> Figure:
        body = bench.bodies.json_tiny
        with peer(name) as server, echo() as control:
            return rate(
                bench,
                lambda: wrk(bench.bodies, server, "/predict", body, 64, bench.seconds),
                lambda: wrk(bench.bodies, control, "/", body, 64, bench.seconds),
            )

    return measure


def workers(bench: Bench) -> Figure:
    """A model that keeps one core busy: two workers over one, 8 connections."""
    folder, body = bench.model("compute"), bench.bodies.json_tiny
    with keepfit(folder, "--workers_per_model=2") as two, keepfit(folder, "--workers_per_model=1") as one:
        return rate(
            bench,
            lambda: wrk(bench.bodies, two, PREDICT, body, 8, bench.seconds),
            lambda: wrk(bench.bodies, one, PREDICT, body, 8, bench.seconds),
        )


@contextmanager
def _beside_echo(models: Path) -> Iterator[tuple[Server, Server]]:
    with keepfit(models) as server, echo() as control:
        yield server, control

"""What a swap to a new version of a 200 MB model costs: latency meanwhile, and memory afterwards."""

import shutil
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from serving.bench import Bench, Figure
from serving.load import Load, wrk
from serving.models import copy_version
from serving.processes import PATIENCE_S, Server, keepfit

CONNECTIONS = 4
SECONDS = 8.0
SWAPS = 50


def latency(bench: Bench) -> Figure:
    """The p99 over 8 s with a swap in them, over that of 8 s without."""
    with _served(bench) as folder, keepfit(folder) as server:
        _load(bench, server, 1.0)
        pairs = []
        for version in range(2, 2 + max(1, bench.rounds // 2 + 1)):
            steady = _load(bench, server, SECONDS)
            pairs.append((_load_with_swap(bench, server, folder, version), steady))
    longest = max(swapped.max_ms for swapped, _ in pairs), max(steady.max_ms for _, steady in pairs)
    p99 = (statistics.median(load.p99_ms for load in loads) for loads in zip(*pairs, strict=True))
    return Figure(
        statistics.median(swapped.p99_ms / steady.p99_ms for swapped, steady in pairs),
        "{:.2f} ms over {:.2f} ms; longest {:.1f} ms, steady {:.1f} ms".format(*p99, *longest),
        sum(swapped.failures + steady.failures for swapped, steady in pairs),
    )


def memory(bench: Bench) -> Figure:
    """Memory of all processes after 50 swaps over that after the first."""
    with _served(bench) as folder, keepfit(folder) as server:
        _swap(server, folder, 2)
        first = _settled_bytes(server)
        for version in range(3, SWAPS + 2):
            _swap(server, folder, version)
        last = _settled_bytes(server)
    return Figure(last / first, f"{last / 2**20:.0f} MiB over {first / 2**20:.0f} MiB")


def _load(bench: Bench, server: Server, seconds: float) -> Load:
    return wrk(bench.bodies, server, "/v1/models/m:predict", bench.bodies.json_tiny, CONNECTIONS, seconds)


def _load_with_swap(bench: Bench, server: Server, folder: Path, version: int) -> Load:
    timer = threading.Timer(1.0, copy_version, (folder / str(version - 1), folder / str(version)))
    timer.start()
    load = _load(bench, server, SECONDS)
    timer.join()
    await_only(server, version)
    return load


def _swap(server: Server, folder: Path, version: int) -> None:
    copy_version(folder / str(version - 1), folder / str(version))
    await_only(server, version)
    httpx.post(f"{server.url}/v1/models/m:predict", json={"instances": [[1.0, 2.0]]}).raise_for_status()
    shutil.rmtree(folder / str(version - 1))


def await_only(server: Server, version: int) -> None:
    """Wait until a version is available and those before it have ended."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        entries = httpx.get(f"{server.url}/v1/models/m").json()["model_version_status"]
        states = {int(entry["version"]): entry["state"] for entry in entries}
        if states.pop(version, "") == "AVAILABLE" and set(states.values()) <= {"END"}:
            return
        time.sleep(0.02)
    raise SystemExit(f"version {version} did not take over within {PATIENCE_S:g} s")


def _settled_bytes(server: Server) -> int:
    """The least of some looks: the process of the version before may still be ending."""
    looks = []
    for _ in range(5):
        time.sleep(0.4)
        looks.append(server.memory_bytes())
    return min(looks)


@contextmanager
def _served(bench: Bench) -> Iterator[Path]:
    """A folder of its own with version 1 of the big model."""
    folder = bench.folder / "big-served"
    folder.mkdir()
    copy_version(bench.model("big") / "1", folder / "1")
    yield folder
    shutil.rmtree(folder)

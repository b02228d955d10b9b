"""A steady load with a swap every few seconds: no request may fail, and memory must stay flat.

    python benchmarks/serving_soak.py [--minutes 10] [--every 10] [--load 0.7] [--json FILE]

The load is that share of what the server reached just before, over REST and gRPC in turn; the model has 200 MB.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from machine import describe
from serving.environments import require_programs
from serving.load import Bodies, h2load, wrk
from serving.models import PROGRAMS, copy_version, make
from serving.processes import Server, keepfit, stop_servers_on_sigterm
from serving.swaps import await_only
from serving.throughput import PREDICT

CONNECTIONS = 16
MAX_GROWTH = 1.05


@dataclass(frozen=True)
class Stretch:
    """What one load generator saw in its time."""

    api: str
    requests: int
    failures: int


def main() -> int:
    arguments = _parser().parse_args()
    stop_servers_on_sigterm()
    require_programs()
    with tempfile.TemporaryDirectory(prefix="keepfit-soak-") as name:
        folder = Path(name)
        bodies = Bodies(folder)
        models = make(PROGRAMS["big"], folder / "big")
        with keepfit(models) as server:
            rates = _capacities(bodies, server)
            stop = threading.Event()
            stretches: list[Stretch] = []
            asking = threading.Thread(target=_ask, args=(bodies, server, rates, arguments.load, stop, stretches))
            asking.start()
            memory = _swap(server, models, arguments.minutes * 60, arguments.every)
            stop.set()
            asking.join()
    return _report(arguments, rates, stretches, memory)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--every", type=float, default=10, help="seconds between swaps")
    parser.add_argument("--load", type=float, default=0.7, help="share of the greatest rate")
    parser.add_argument("--json", type=Path, help="write the figures there as well")
    return parser


def _capacities(bodies: Bodies, server: Server) -> dict[str, float]:
    wrk(bodies, server, PREDICT, bodies.json_tiny, CONNECTIONS, 1)
    return {
        "REST": wrk(bodies, server, PREDICT, bodies.json_tiny, CONNECTIONS, 3).per_s,
        "gRPC": h2load(server, bodies.grpc_tiny, CONNECTIONS, 1, 3).per_s,
    }


def _ask(
    bodies: Bodies,
    server: Server,
    rates: dict[str, float],
    share: float,
    stop: threading.Event,
    stretches: list[Stretch],
) -> None:
    """Ask over REST and gRPC in turn, at a steady rate, until told to stop."""
    while not stop.is_set():
        for api, rate in rates.items():
            answered = server.answered()
            requests, failures = _stretch(bodies, server, api, share * rate / CONNECTIONS)
            # The server's own count as well: h2load does not look at grpc-status.
            missing = requests - int(server.answered() - answered)
            stretches.append(Stretch(api, requests, max(failures, missing)))


def _stretch(bodies: Bodies, server: Server, api: str, rate: float) -> tuple[int, int]:
    rest = ["--h1", "-H", "content-type: application/json", "-d", str(bodies.json_tiny), server.url + PREDICT]
    grpc = [
        *("-H", "content-type: application/grpc", "-H", "te: trailers", "-d", str(bodies.grpc_tiny)),
        f"http://127.0.0.1:{server.grpc_port}/tensorflow.serving.PredictionService/Predict",
    ]
    output = subprocess.run(
        ["h2load", "-t1", f"-c{CONNECTIONS}", "-m1", f"--rps={rate:.1f}", "-D15", *(rest if api == "REST" else grpc)],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    found = re.search(r"(\d+) done, (\d+) succeeded", output)
    if found is None:
        sys.exit(f"h2load printed no counts:\n{output}")
    return int(found[1]), int(found[1]) - int(found[2])


def _swap(server: Server, models: Path, seconds: float, every: float) -> list[int]:
    """Swap again and again; return the memory before each swap but the first."""
    deadline = time.monotonic() + seconds
    memory = []
    version = 1
    while time.monotonic() < deadline:
        begin = time.monotonic()
        copy_version(models / str(version), models / str(version + 1))
        await_only(server, version + 1)
        shutil.rmtree(models / str(version))
        version += 1
        time.sleep(max(0.0, every - (time.monotonic() - begin)))
        memory.append(server.memory_bytes())
        print(f"version {version}: {memory[-1] / 2**20:.0f} MiB", flush=True)
    return memory


def _report(arguments: argparse.Namespace, rates: dict[str, float], stretches: list[Stretch], memory: list[int]) -> int:
    requests, failures = (sum(getattr(one, name) for one in stretches) for name in ("requests", "failures"))
    growth = memory[-1] / memory[0]
    rate = ", ".join(f"{api} {arguments.load * rate:,.0f}/s" for api, rate in rates.items())
    print(f"{describe()}\n{rate}: {requests:,} requests, {failures} failed; {len(memory)} swaps")
    print(f"memory {memory[0] / 2**20:.0f} MiB after the first, {memory[-1] / 2**20:.0f} MiB in the end: {growth:.3f}")
    if arguments.json:
        report = {"machine": describe(), "requests": requests, "failures": failures, "memory": memory}
        arguments.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 1 if failures or growth > MAX_GROWTH else 0


if __name__ == "__main__":
    sys.exit(main())

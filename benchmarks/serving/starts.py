"""How long a start takes: to the first answer at /readyz, and to the first prediction."""

import statistics
import subprocess
import sys
import time

from serving.bench import Bench, Figure
from serving.processes import await_port, await_status, keepfit


def prediction(bench: Bench) -> Figure:
    """Start to first prediction over `python -c "import tensorflow"`."""
    pairs = [(_start(bench)[1], _import()) for _ in range(bench.rounds)]
    return Figure(
        statistics.median(ours / control for ours, control in pairs),
        f"{statistics.median(a for a, _ in pairs):.2f} s over {statistics.median(b for _, b in pairs):.2f} s",
    )


def readiness(bench: Bench) -> Figure:
    """Seconds from start to the first answer at /readyz, be it 200 or 503."""
    return Figure(statistics.median(_start(bench)[0] for _ in range(bench.rounds)), "seconds; no control")


def _start(bench: Bench) -> tuple[float, float]:
    folder = bench.model("tiny")
    started = time.monotonic()
    with keepfit(folder, wait=False) as server:
        await_port(server.rest_port)
        await_status(f"{server.url}/readyz", None)
        answered = time.monotonic() - started
        await_status(f"{server.url}/v1/models/m:predict", 200, {"instances": [[1.0, 2.0]]})
        return answered, time.monotonic() - started


def _import() -> float:
    started = time.monotonic()
    subprocess.run([sys.executable, "-c", "import tensorflow"], check=True, capture_output=True)
    return time.monotonic() - started

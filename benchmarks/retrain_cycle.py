"""Wall time of `python retrain_pipeline.py`, from data to served, beside a plain Keras script in the same run.

    python benchmarks/retrain_cycle.py [--runs 7] [--gate]

With --gate the control is the same run with the bare point rule for a gate, and the gate that is measured has further
metrics and slices beside its comparison with the served version. Each pair of runs follows directly on one another, and
they take turns in going first, so that a machine whose speed drifts does not decide the ratio.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from machine import describe

ROOT = Path(__file__).resolve().parent.parent
REST_PORT, GRPC_PORT = 18501, 18500
FULL_GATE = {
    "metrics": {
        "auc": {"min": 0.9, "margin": 0.05},
        "f1": {"min": 0.9},
        "log_loss": {"max": 0.5, "margin": 0.2},
        "brier": {"max": 0.2},
    },
    "slices": [{"where": f"x1 < {limit}"} for limit in range(10)],
}


class Cost(NamedTuple):
    """Seconds on the wall, and of all processors: other work on the machine changes the second less."""

    wall_s: float
    processor_s: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--gate", action="store_true", help="against the same run with the bare point rule")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = _config(folder / "config.json", FULL_GATE if arguments.gate else {})
        ours = [sys.executable, str(ROOT / "retrain_pipeline.py"), "--config", str(config)]
        control = [sys.executable, str(ROOT / "benchmarks" / "plain_keras.py"), str(folder / "plain")]
        if arguments.gate:
            bare = _config(folder / "bare.json", {})
            control = [sys.executable, str(ROOT / "benchmarks" / "bare_gate.py"), "--config", str(bare)]
        _timed(ours)
        _timed(control)
        server = subprocess.Popen([sys.executable, "-m", "keepfit", "serve", "--config", str(config)])
        try:
            _await_server()
            pairs = [_pair(ours, control, ours_first=number % 2 == 0) for number in range(arguments.runs)]
        finally:
            server.terminate()
            server.wait()
    _report(pairs, "the same with the bare point rule" if arguments.gate else "plain Keras script")


def _config(path: Path, gate: Mapping[str, Any]) -> Path:
    sections = {"serving": {"rest_port": REST_PORT, "grpc_port": GRPC_PORT}, "gate": gate}
    path.write_text(json.dumps(sections), encoding="utf-8")
    return path


def _pair(ours: list[str], control: list[str], *, ours_first: bool) -> tuple[Cost, Cost]:
    if ours_first:
        return _timed(ours), _timed(control)
    its = _timed(control)
    return _timed(ours), its


def _timed(command: list[str]) -> Cost:
    started, used = time.monotonic(), _processor_s()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ)
    return Cost(time.monotonic() - started, _processor_s() - used)


def _processor_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _await_server() -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"http://127.0.0.1:{REST_PORT}/readyz").status_code == httpx.codes.OK:
                time.sleep(5)  # let the spare worker finish its start, as it has in a server that runs for a week
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    raise SystemExit("the model server did not come up within 60 s")


def _report(pairs: list[tuple[Cost, Cost]], control_name: str) -> None:
    print(f"{describe()}; {len(pairs)} pairs")
    print(f"{'':48}{'min':>6}{'median':>8}{'max':>8}")
    for number, unit in enumerate(("s", "processor s")):
        ours, control = ([cost[number] for cost in costs] for costs in zip(*pairs, strict=True))
        ratios = [mine / its for mine, its in zip(ours, control, strict=True)]
        _row(f"retrain_pipeline.py, to served, {unit}", ours)
        _row(f"{control_name} (control), {unit}", control)
        _row("ratio", ratios)


def _row(name: str, values: list[float]) -> None:
    print(f"{name:48}{min(values):6.2f}{statistics.median(values):8.2f}{max(values):8.2f}")


if __name__ == "__main__":
    main()

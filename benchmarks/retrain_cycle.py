"""Wall time of `python retrain_pipeline.py`, from data to served, beside a plain Keras script in the same run.

    python benchmarks/retrain_cycle.py [--runs 7]

Each pair of runs follows directly on one another, so that a machine whose speed drifts does not decide the ratio.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx

from machine import describe

ROOT = Path(__file__).resolve().parent.parent
REST_PORT, GRPC_PORT = 18501, 18500


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        config = _project(Path(folder))
        retrain = [sys.executable, str(ROOT / "retrain_pipeline.py"), "--config", str(config)]
        plain = [sys.executable, str(ROOT / "benchmarks" / "plain_keras.py"), str(Path(folder, "plain"))]
        _timed(retrain)
        _timed(plain)
        server = subprocess.Popen([sys.executable, "-m", "keepfit", "serve", "--config", str(config)])
        try:
            _await_server()
            pairs = [(_timed(retrain), _timed(plain)) for _ in range(runs)]
        finally:
            server.terminate()
            server.wait()
    _report(pairs)


def _project(folder: Path) -> Path:
    config = folder / "config.json"
    config.write_text(json.dumps({"serving": {"rest_port": REST_PORT, "grpc_port": GRPC_PORT}}), encoding="utf-8")
    return config


def _timed(command: list[str]) -> float:
    started = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ)
    return time.monotonic() - started


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


def _report(pairs: list[tuple[float, float]]) -> None:
    ratios = [ours / control for ours, control in pairs]
    print(f"{describe()}; {len(pairs)} pairs")
    print(f"{'':32}{'min':>8}{'median':>8}{'max':>8}")
    for name, values in (
        ("retrain_pipeline.py, to served, s", [ours for ours, _ in pairs]),
        ("plain Keras script (control), s", [control for _, control in pairs]),
        ("ratio", ratios),
    ):
        print(f"{name:34}{min(values):6.2f}{statistics.median(values):8.2f}{max(values):8.2f}")


if __name__ == "__main__":
    main()

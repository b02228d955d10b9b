"""Time and memory of judging 1,000,000 holdout rows with 20 slices, metrics and 2,000 bootstrap draws.

    python benchmarks/gate_speed.py [--rows 1000000]

Control: one `model.predict` of the default model over the same rows, in batches of 32 (Keras's default) and of 8,192.
Memory is what the process needs at most beyond what it holds when the judging begins.
"""

import argparse
import os
import resource
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import polars as pl

from keepfit.config import GateConfig
from keepfit.data.schema import Target
from keepfit.pipeline.evaluate import evaluate
from keepfit.pipeline.gate import Evidence, decide
from keepfit.pipeline.gate.evidence import Champion
from keepfit.pipeline.measure import Answers, measure
from keepfit.pipeline.slices import find_slices
from machine import describe

FEATURES = 20
CONDITIONS = [{"where": f"age < {20 + years}"} for years in range(10)]
RULES: dict[str, dict[str, Any]] = {
    "classes": {
        "metrics": {
            "auc": {"min": 0.5, "margin": 0.01},
            "f1": {"min": 0.5},
            "log_loss": {"max": 1.0, "margin": 0.05},
            "brier": {"max": 0.25},
            "ece": {"max": 0.5},
        },
        "slices": [{"column": "region", "min_accuracy_percent": 50}, *CONDITIONS],
    },
    "numbers": {
        "metrics": {"mae": {"max": 10.0}, "rmse": {"max": 10.0, "margin": 0.1}, "r2": {"min": 0.1}},
        "slices": [{"column": "region"}, *CONDITIONS],
    },
}
TARGETS = {"classes": Target("y", "binary", ("no", "yes")), "numbers": Target("y", "regression", (), 0.0, 1.0)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    random = np.random.default_rng(1)
    features = random.standard_normal((rows, FEATURES), np.float32)
    model = keras.Sequential(
        [
            keras.Input((FEATURES,)),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(32, activation="relu"),
            keras.layers.Dense(1),
        ]
    )
    model.predict(features[:1000], verbose=0)
    by_32, by_8192 = (_seconds(partial(model.predict, features, size, verbose=0)) for size in (32, 8192))
    print(f"{describe()}; {rows:,} rows of {FEATURES} features")
    print(f"{'':40}{'seconds':>9}{'MB':>8}{'of predict':>12}")
    print(f"{'model.predict, batches of 32 (control)':40}{by_32:9.2f}{'':8}{1:12.2f}")
    print(f"{'model.predict, batches of 8,192':40}{by_8192:9.2f}{'':8}{by_8192 / by_32:12.2f}")
    frame = pl.DataFrame({"region": random.integers(0, 10, rows), "age": random.integers(18, 80, rows)})
    for name, sections in RULES.items():
        score = random.standard_normal(rows)
        mine, its = ((score + 0.6 * random.standard_normal(rows))[:, None].astype(np.float32) for _ in range(2))
        truth: Any = score.astype(np.float32)
        if name == "classes":
            truth = (score > 0).astype(np.int32)
            mine, its = 1 / (1 + np.exp(-3 * mine)), 1 / (1 + np.exp(-3 * its))
        rules, target = GateConfig.model_validate(sections), TARGETS[name]
        seconds, megabytes = _measured(partial(_judge, target, truth, mine, its, frame, rules))
        print(f"{f'judging {name}':40}{seconds:9.2f}{megabytes:8.0f}{seconds / by_32:12.2f}")


def _judge(target: Target, truth: Any, mine: Any, its: Any, frame: pl.DataFrame, rules: GateConfig) -> None:
    slices = find_slices(rules.slices, frame)
    found = measure(Answers(target, truth, mine, its), slices, rules, seed=1)
    champion = Champion(1, found.comparison)
    verdict = decide(Evidence(evaluate(target, truth, mine), champion, found.metrics, found.slices), rules)
    judged = sum(rule.rule == "slice" for rule in verdict.rules)
    assert judged == 20, judged


def _seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def _measured(call: Callable[[], object]) -> tuple[float, float]:
    """Seconds, and the megabytes that the process grew to at most; looked at every 5 ms."""
    before, peak, stop = _resident(), [0], threading.Event()

    def watch() -> None:
        while not stop.wait(0.005):
            peak[0] = max(peak[0], _resident())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        seconds = _seconds(call)
    finally:
        stop.set()
        watcher.join()
    return seconds, max(0, peak[0] - before) / 1e6


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize()


if __name__ == "__main__":
    main()

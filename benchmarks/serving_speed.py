"""The model server's speed: a row for each promise, each figure beside a control that ran in the same minute.

    python benchmarks/serving_speed.py [--only rest64,grpc64] [--peers] [--json FILE]

The control is a JSON echo (orjson) on uvicorn with httptools and uvloop, one process; all cores are shared with the
load generator. Each figure is the median of short rounds that alternate with the control's. When root on Debian it
installs wrk and nghttp2-client; control and peers get environments of their own below benchmarks/.environments.
"""

import argparse
import json
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from machine import describe
from serving.bench import Bench, Figure
from serving.environments import environment, require_programs
from serving.load import Bodies
from serving.processes import stop_servers_on_sigterm
from serving.table import PEERS, ROWS, Row


def main() -> int:
    arguments = _parser().parse_args()
    known = {**ROWS, **PEERS}
    chosen = arguments.only.split(",") if arguments.only else [*ROWS, *(PEERS if arguments.peers else ())]
    if unknown := [key for key in chosen if key not in known]:
        sys.exit(f"there is no row {unknown[0]!r}; there are: {', '.join(known)}")
    stop_servers_on_sigterm()
    require_programs()
    environment("control")
    started = time.monotonic()
    print(describe())
    print(f"{'':66}{'ours':>8}{'at least':>10}{'aim':>7}  {'TF Serving':>10}  {'prototype':>9}")
    figures = {}
    with tempfile.TemporaryDirectory(prefix="keepfit-speed-") as folder:
        bench = Bench(Path(folder), Bodies(Path(folder)), arguments.rounds, arguments.seconds)
        for key in chosen:
            figures[key] = known[key].measure(bench)
            _print(known[key], figures[key])
    print(f"{time.monotonic() - started:.0f} s; {arguments.rounds} rounds of {arguments.seconds:g} s")
    if arguments.json:
        report = {"machine": describe(), "rows": {key: asdict(figure) for key, figure in figures.items()}}
        arguments.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 1 if any(figure.failures for figure in figures.values()) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help=f"rows, by comma: {', '.join({**ROWS, **PEERS})}")
    parser.add_argument("--peers", action="store_true", help="measure other model servers as well")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2, help="of each round")
    parser.add_argument("--json", type=Path, help="write the figures there as well")
    return parser


def _print(row: Row, figure: Figure) -> None:
    failed = f"  {figure.failures} FAILED" if figure.failures else ""
    aim = "" if row.aim is None else f"{row.aim:g}"
    verdict = "" if row.met(figure) else "  not met"
    sign = "" if row.least else "≤ "
    print(
        f"{row.what:66}{figure.value:8.3f}{sign + format(row.bound, 'g'):>10}{aim:>7}"
        f"  {row.tensorflow_serving:>10}  {row.prototype:>9}{verdict}{failed}"
    )
    print(f"    {figure.detail}", flush=True)


if __name__ == "__main__":
    sys.exit(main())

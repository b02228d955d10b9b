"""Writes the Grafana dashboards anew, from scripts/dashboards: make_dashboards.py [FOLDER]."""

import json
import sys
from pathlib import Path

from dashboards import drift, pipeline, quality, service

FOLDER = Path(__file__).resolve().parents[1] / "monitoring" / "grafana" / "dashboards"


def main(folder: Path) -> None:
    """Write one file a dashboard."""
    for made in (service.make(), quality.make(), pipeline.make(), drift.make()):
        path = folder / f"{made['uid']}.json"
        path.write_text(json.dumps(made, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)

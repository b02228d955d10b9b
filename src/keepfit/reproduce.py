"""Trains a recorded version again in a fresh process, and says whether every bit is the same, or what differs.

Publishes nothing, and takes no lock.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from keepfit import errors
from keepfit.comparison import Difference, compare
from keepfit.lookup import Entry
from keepfit.project import Project
from keepfit.storage import guarded, make_folder

Outcome = Literal["identical", "data changed", "different"]


@dataclass(frozen=True)
class Reproduction:
    """What came of it. `reason` is one sentence.

    `weights` and `predictions` say whether they are identical, None if it was not trained. `largest_difference` is
    between the predictions of both models for the holdout. `data` and `environment` are what differs from the record.
    """

    outcome: Outcome
    reason: str
    weights: bool | None
    predictions: bool | None
    largest_difference: float | None
    evaluation: tuple[Difference, ...]
    data: tuple[Difference, ...]
    environment: tuple[Difference, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)


def reproduce(project: Project, entry: Entry) -> Reproduction:
    """Train the entry's model again. Raises KeepfitError if the record does not suffice, or the training fails."""
    metrics = entry.metrics
    missing = [key for key in ("config", "seed", "dataset", "digests") if metrics.get(key) is None]
    if missing:
        raise errors.VersionNotFoundError(
            f"{entry.name} cannot be trained again: its record has no {missing[0]}, for it never got so far or an "
            "older Keepfit made it"
        )
    with tempfile.TemporaryDirectory(prefix="keepfit-reproduce-") as scratch:
        found = _ask(project, _request(project, entry, scratch))
    return judge(metrics, found)


def judge(recorded: Mapping[str, Any], found: Mapping[str, Any]) -> Reproduction:
    """Compare the record with what came of training again. Pure."""
    comparison = compare(recorded, {**recorded, **found})
    data, environment = comparison.data, comparison.environment
    if "digests" not in found:
        rows, before = found["dataset"]["rows"], recorded["dataset"]["rows"]
        return Reproduction(
            "data changed",
            f"the data changed: {rows:,} rows are there now, {before:,} were then, and their fingerprints differ",
            *(None, None, None),
            *((), data, environment),
        )
    same = {name: found["digests"][name] == recorded["digests"][name] for name in ("weights", "predictions")}
    identical = all(same.values())
    return Reproduction(
        "identical" if identical else "different",
        "weights and predictions are bit-identical" if identical else _why(environment),
        same["weights"],
        same["predictions"],
        found["largest_difference"],
        comparison.measures,
        data,
        environment,
    )


def _why(environment: tuple[Difference, ...]) -> str:
    parts = {"git": "code", "code": "code", "libraries": "libraries", "machine": "machine"}
    changed = list(dict.fromkeys(parts[name] for d in environment if (name := d.name.split(".")[0]) in parts))
    if changed:
        return f"the result differs, and so does what it was made with: {', '.join(changed)}"
    return "the result differs although nothing that is recorded does: the model draws numbers that no seed governs"


def _request(project: Project, entry: Entry, scratch: str) -> dict[str, Any]:
    config = {**entry.metrics["config"], "data": dict(entry.metrics["config"]["data"])}
    if "***" in str(config["data"].get("url")):
        # a password is never recorded: today's config has it
        config["data"]["url"] = project.config.data.url
    return {
        "root": str(project.root),
        "config": config,
        "seed": entry.metrics["seed"],
        "fingerprint": entry.metrics["dataset"]["fingerprint"],
        "model": str(entry.folder) if entry.folder else None,
        "scratch": scratch,
    }


def _ask(project: Project, request: Mapping[str, Any]) -> dict[str, Any]:
    log_path = make_folder(project.logs_dir) / "reproduce.log"
    command = [sys.executable, "-m", "keepfit.pipeline.rebuild"]
    with guarded(log_path), log_path.open("w", encoding="utf-8") as log:
        done = subprocess.run(
            command, input=json.dumps(request), stdout=subprocess.PIPE, stderr=log, text=True, check=False
        )
    if done.returncode != 0 or not done.stdout:
        raise errors.TrainingError(f"the process that trained it again ended with {done.returncode}: see {log_path}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    if "error" in answer:
        raise getattr(errors, answer["error"])(answer["text"])
    return answer

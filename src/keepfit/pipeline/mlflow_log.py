"""The process that talks to MLflow: reads one request of tracking.py, and ends with 0, or with what is wrong.

A request may come again, or after others were lost: runs and versions are found by the tag keepfit_run, or made. Knows
nothing of how a run is made.
"""

import json
import signal
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Metric, Param
from mlflow.entities import Run as MlflowRun
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from keepfit.pipeline import artifacts
from keepfit.pipeline.mlflow_values import LOGGED, params, points

ALIAS = "champion"
MODEL = "model"
"""Under which name a run's artifacts hold the version directory."""
_STATUS = {"failed": "FAILED", "invalid_data": "FAILED", "interrupted": "KILLED"}
_MOST_AT_ONCE = 100
_LONGEST_TAG = 5000


def log(client: MlflowClient, request: Mapping[str, Any], tell: Callable[[str], None]) -> None:
    """Log the runs, register the current version if it is not there, and move the alias. Raises MlflowException.

    Calls `tell` with the event of each run that is logged. One that the server refuses keeps none of the others back.
    """
    name = request["model_name"]
    experiment = _experiment(client, name)
    refused: MlflowException | None = None
    for run in request["runs"]:
        try:
            _log_run(client, experiment, run)
            # of a late run the files may be gone
            if run["kind"] in ("promoted", "overridden") and run["folder"]:
                _registered(client, name, experiment, run)
        except MlflowException as error:
            refused = error
        else:
            tell(run["event"])
    _move_alias(client, name, experiment, request["champion"])
    if refused:
        raise refused


def _move_alias(client: MlflowClient, name: str, experiment: str, champion: Mapping[str, Any] | None) -> None:
    if champion is None:
        _remove_alias(client, name)
        return
    found = _registered(client, name, experiment, _run_of(champion))
    client.set_registered_model_alias(name, ALIAS, found.version)


def _run_of(champion: Mapping[str, Any]) -> dict[str, Any]:
    """The run that made the current version, for a server that has never heard of it."""
    metrics = champion["metrics"]
    return {
        "id": metrics.get("run") or f"version-{champion['version']}",
        "kind": "overridden" if metrics.get("override") else "promoted",
        "version": champion["version"],
        "reason": (metrics.get("override") or metrics.get("verdict") or {}).get("reason", ""),
        "trigger": metrics.get("trigger", ""),
        "config": metrics.get("config") or {},
        "metrics": metrics,
        "folder": champion["folder"],
    }


def _experiment(client: MlflowClient, name: str) -> str:
    found = client.get_experiment_by_name(name)
    return str(found.experiment_id if found else client.create_experiment(name))


def _find_run(client: MlflowClient, experiment: str, run: Mapping[str, Any]) -> MlflowRun | None:
    return next(iter(client.search_runs([experiment], f"tags.keepfit_run = '{run['id']}'", max_results=1)), None)


def _log_run(client: MlflowClient, experiment: str, run: Mapping[str, Any]) -> MlflowRun:
    """Log a run; of one that is there already, say how it went on."""
    found = _find_run(client, experiment, run)
    if found is None:
        return _new_run(client, experiment, run)
    for key, value in _tags(run).items():
        client.set_tag(found.info.run_id, key, value)
    return found


def _tags(run: Mapping[str, Any]) -> dict[str, str]:
    found = {"ending": run["kind"], "reason": run["reason"][:_LONGEST_TAG]}
    if decision := (run["metrics"].get("verdict") or {}).get("decision"):
        found["verdict"] = decision
    # of a version that was taken back the event names the one that is current instead
    is_its_own = run["version"] is not None and run["kind"] != "rolled_back"
    return {**found, "version": str(run["version"])} if is_its_own else found


def _new_run(client: MlflowClient, experiment: str, run: Mapping[str, Any]) -> MlflowRun:
    tags = {"keepfit_run": run["id"], **_tags(run)}
    made = client.create_run(experiment, _started_ms(run["id"]), tags, run["id"])
    made_id = made.info.run_id
    values = [Param(name, value) for name, value in params(run).items()]
    for chunk in _chunks(values):
        client.log_batch(made_id, params=chunk)
    now = time.time_ns() // 1_000_000
    for chunk in _chunks([Metric(name, value, now, step) for name, value, step in points(run["metrics"])]):
        client.log_batch(made_id, metrics=chunk)
    for file in (artifacts.METRICS, artifacts.REPORT):
        if run["folder"] and (Path(run["folder"]) / file).is_file():
            client.log_artifact(made_id, str(Path(run["folder"]) / file))
    client.set_terminated(made_id, _STATUS.get(run["kind"], "FINISHED"))
    return made


def _registered(client: MlflowClient, name: str, experiment: str, run: Mapping[str, Any]) -> ModelVersion:
    """The registry's version of a published run, with the version directory as its files; made if it is not there."""
    found = client.search_model_versions(f"name = '{name}' and tags.keepfit_run = '{run['id']}'", max_results=1)
    if found:
        return found[0]
    its = _find_run(client, experiment, run) or _new_run(client, experiment, run)
    _make_model(client, name)
    # the files first: a version in the registry is whole
    client.log_artifacts(its.info.run_id, run["folder"], MODEL)
    tags = {"keepfit_version": str(run["version"]), "keepfit_run": run["id"]}
    source = f"{its.info.artifact_uri}/{MODEL}"
    return client.create_model_version(name, source, its.info.run_id, tags, description=run["reason"])


def _make_model(client: MlflowClient, name: str) -> None:
    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _remove_alias(client: MlflowClient, name: str) -> None:
    try:
        client.delete_registered_model_alias(name, ALIAS)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise


def _started_ms(run_id: str) -> int | None:
    """When a run started, which its id says; None lets MLflow take the present."""
    try:
        started = datetime.strptime(run_id.partition("-")[0], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None
    return int(started.timestamp() * 1000)


def _chunks(values: list[Any]) -> list[list[Any]]:
    rest = iter(values)
    return list(iter(lambda: list(islice(rest, _MOST_AT_ONCE)), []))


def main() -> int:
    """Do what the request on standard input says; a sentence on standard output if that fails."""
    signal.alarm(int(float(sys.argv[1])) + 5)  # so that it ends although the process that waits for it is gone
    try:
        log(MlflowClient(), json.load(sys.stdin), lambda event: print(f"{LOGGED}{event}", flush=True))  # noqa: T201
    except Exception as error:  # noqa: BLE001 - the top of this process: whatever a server answers becomes a sentence
        text = " ".join(str(error).split())
        print(f"{type(error).__name__}: {text[:300]}")  # noqa: T201 - the answer to the parent process
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

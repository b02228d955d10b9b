"""A person promotes a candidate that the gate did not: checked, qualified, published, confirmed, and recorded as that.

The gate's verdict stays in metrics.json, beside who overrode it, when and why.
"""

import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from keepfit.errors import QualificationError, VersionNotFoundError
from keepfit.ledger.event import actor
from keepfit.pipeline import artifacts
from keepfit.pipeline.confirm import look
from keepfit.pipeline.publication import confirm_served, prune
from keepfit.pipeline.report import amend
from keepfit.pipeline.sample import SAMPLE, read_sample
from keepfit.pipeline.session import Run, open_run
from keepfit.project import Project
from keepfit.storage import guarded, make_folder, sync_tree
from keepfit.versions import Versions


def override(
    project: Project,
    run_id: str,
    reason: str,
    console: Console,
    environ: Mapping[str, str],
    *,
    new_schema: bool = False,
) -> int:
    """Publish the kept candidate of a run, and return its version; with `new_schema` its clients may break.

    Raises VersionNotFoundError, QualificationError if it cannot be served, StorageError, DeploymentError.
    """
    kept = find_candidate(Versions(project.models_dir), run_id)
    log = make_folder(project.logs_dir) / "promote.log"
    with open_run(kept.name, project, "manual", log, console, environ) as run:
        try:
            metrics = _servable(run.versions, kept, new_schema=new_schema)
            staged = _copy(run, kept)
            _qualify(run, staged)
            run.ledger.require_writable()
            presence = look(
                project.serving_url, project.config.model_name, run.versions.current(), project.serving_api_key
            )
            version = _publish(run, staged, metrics, reason)
        finally:
            run.versions.clean_staging()
        run.versions.drop_candidate(kept)
        confirm_served(run, version, presence)
        prune(run)
        return version


def find_candidate(versions: Versions, run_id: str) -> Path:
    """The folder of a kept candidate, by its run's id or the beginning of it; raises VersionNotFoundError."""
    candidates = versions.candidates()
    found = [folder for folder in candidates if folder.name == run_id] or [
        folder for folder in candidates if folder.name.startswith(run_id)
    ]
    if len(found) == 1:
        return found[0]
    names = ", ".join(folder.name for folder in found or candidates) or "none"
    wrong = "is the beginning of several" if found else "has no kept candidate"
    raise VersionNotFoundError(f"run {run_id!r} {wrong} (kept: {names})")


def _servable(versions: Versions, kept: Path, *, new_schema: bool) -> dict[str, Any]:
    """The candidate's metrics, if nothing that can be seen from outside speaks against serving it."""
    damaged = artifacts.damaged_files(kept)
    if damaged:
        raise QualificationError(f"the candidate cannot be promoted, its files are not what they were: {damaged[0]}")
    metrics = artifacts.read_metrics(kept)
    for folder in (*map(versions.path, versions.numbers()), *map(versions.retired_path, versions.retired())):
        if artifacts.read_metrics(folder).get("run") == kept.name:
            raise QualificationError(f"the candidate was promoted already: it is version {folder.name}")
    if not metrics.get("evaluation", {}).get("finite", False):
        raise QualificationError("the candidate cannot be promoted: some of its predictions are not finite numbers")
    current = versions.current()
    if current is not None and not new_schema:
        served = artifacts.read_metrics(versions.path(current)).get("signature")
        if served is not None and served != metrics.get("signature"):
            raise QualificationError(
                f"the candidate's inputs or outputs are not those of version {current}, whose clients would break: "
                "promote it with --new-schema if they are ready"
            )
    return metrics


def _copy(run: Run, kept: Path) -> Path:
    """Stage a copy, so that the kept candidate stays whole whatever happens."""
    staged = run.versions.stage(run.id)
    with guarded(staged):
        shutil.copytree(kept, staged, dirs_exist_ok=True)
    return staged


def _qualify(run: Run, staged: Path) -> None:
    inputs, expected = read_sample(staged)
    run.qualifier.check(staged, inputs, expected, staged.parent)
    run.journal.say("qualified", f"a fresh process loads it and gives the same {len(expected)} predictions")
    (staged / SAMPLE).unlink()


def _publish(run: Run, staged: Path, metrics: dict[str, Any], reason: str) -> int:
    version, who = run.versions.reserve(), actor()
    metrics["version"] = version
    metrics["override"] = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), "by": who, "reason": reason}
    if (page := artifacts.read_report(staged)) and metrics.get("verdict"):
        artifacts.write_report(amend(page, metrics), staged)
    artifacts.write_metrics(metrics, staged)
    artifacts.write_manifest(staged)
    sync_tree(staged)
    run.versions.publish(staged, version)
    run.end("overridden", override_text(metrics), version, metrics)
    run.journal.say("PROMOTED", f"version {version}, by {who['user']}; {_gate_said(metrics)}", "green")
    return version


def override_text(metrics: Mapping[str, Any]) -> str:
    """One sentence of who overrode what, and why."""
    found = metrics["override"]
    return f"{found['reason']} (override by {found['by']['user']}; {_gate_said(metrics)})"


def _gate_said(metrics: Mapping[str, Any]) -> str:
    verdict = metrics.get("verdict")
    decision = verdict.get("decision") if isinstance(verdict, dict) else None
    return f"the gate said {decision}" if decision else "the gate said nothing"

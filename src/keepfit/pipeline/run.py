"""One retraining run, and the only place that knows the order of its stages.

data ─> candidate (staged) ─> verdict ─> qualification ─> models/N ─> confirmed by the model server
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rich.console import Console

from keepfit.data.dataset import Dataset, prepare
from keepfit.data.schema import Schema
from keepfit.errors import StorageError
from keepfit.pipeline import artifacts, environment, record
from keepfit.pipeline.challenge import champion_answers, earlier_uses, gather, start
from keepfit.pipeline.confirm import look
from keepfit.pipeline.drift_wording import told
from keepfit.pipeline.gate import Verdict, decide
from keepfit.pipeline.publication import confirm_served, prune
from keepfit.pipeline.report import render
from keepfit.pipeline.sample import write_sample
from keepfit.pipeline.session import Run, Trigger, ending_recorded, prepared_run
from keepfit.pipeline.summary import judged, summary
from keepfit.project import Project
from keepfit.storage import sync_tree
from keepfit.versions import Versions

if TYPE_CHECKING:
    from keepfit.pipeline.candidate import Candidate


@dataclass(frozen=True)
class Outcome:
    """How a run ended: `version` is the promoted one, `folder` where the candidate is now."""

    status: Literal["promoted", "rejected", "inconclusive", "staged"]
    run: str
    version: int | None
    folder: Path | None
    reason: str
    metrics: Mapping[str, Any]


def retrain(
    project: Project, trigger: Trigger, console: Console, environ: Mapping[str, str], *, new_schema: bool = False
) -> Outcome:
    """Train, judge, and promote or not; with `new_schema` the data may differ in form from the served version's.

    Raises KeepfitError. Whatever happens, what is served stays served.
    """
    with prepared_run(project, trigger, console, environ) as run:
        with ending_recorded(run):
            dataset, candidate, verdict, metrics = _judged_candidate(run, new_schema=new_schema)
            if not verdict.promotes:
                return _set_aside(run, candidate, dataset, verdict, metrics)
            _require_record(run, candidate, dataset, metrics)
            presence = look(
                project.serving_url, project.config.model_name, run.versions.current(), project.serving_api_key
            )
            version = _publish(run, candidate, dataset, verdict, metrics)
        # the run has its ending: what follows is about the version
        confirm_served(run, version, presence)
        prune(run)
        run.journal.say("report", str(run.versions.path(version) / artifacts.REPORT))
        return Outcome("promoted", run.id, version, project.models_dir / str(version), verdict.reason, metrics)


def train_only(project: Project, console: Console, environ: Mapping[str, str], *, new_schema: bool = False) -> Outcome:
    """Train and judge one candidate and keep it aside; publishes nothing. Raises KeepfitError."""
    with prepared_run(project, "manual", console, environ) as run, ending_recorded(run):
        dataset, candidate, verdict, metrics = _judged_candidate(run, new_schema=new_schema)
        kept = _keep(run, candidate, dataset, metrics, at_least=1)
        run.ledger.append("staged", verdict.reason, run=run.id, details=metrics)
        run.remember("staged", verdict.reason, details=metrics)
        return Outcome("staged", run.id, None, kept, verdict.reason, metrics)


def _judged_candidate(run: Run, *, new_schema: bool) -> tuple[Dataset, "Candidate", Verdict, dict[str, Any]]:
    config = run.project.config
    seed = secrets.randbelow(2**31) if config.train.seed is None else config.train.seed
    dataset = _dataset(run, seed, None if new_schema else _served_schema(run.versions))
    drift = _drift(run, dataset)
    uses = earlier_uses(run.ledger.events(), dataset)
    challenge = start(config, dataset, run.versions, run.qualifier, run.versions.stage(f"{run.id}-champion"))
    candidate = _train(run, dataset, seed)
    with run.timed("champion"):
        answers = champion_answers(challenge, dataset)
    latencies_ms = _qualify(run, candidate)
    with run.timed("judging"):
        evidence = gather(challenge, dataset, candidate, answers, latencies_ms, uses, seed, new_schema=new_schema)
        verdict = decide(evidence, config.gate)
    run.journal.say("judged", judged(verdict.to_dict()))
    for rule in verdict.rules:
        run.journal.record(f"rule {rule.rule} {rule.subject}".rstrip() + f": {rule.outcome}: {rule.reason}")
    for warning in verdict.warnings:
        run.journal.warn(warning)
    metrics = record.describe(
        config=config,
        dataset=dataset,
        candidate=candidate,
        verdict=verdict,
        run=run.id,
        trigger=run.trigger,
        seed=seed,
        created_at=datetime.now(UTC),
        drift=drift,
        durations_s={**run.durations_s, **candidate.durations_s},
        environment=environment.describe(run.project.root),
    )
    return dataset, candidate, verdict, metrics


def _served_schema(versions: Versions) -> Schema | None:
    current = versions.current()
    return None if current is None else artifacts.read_schema(versions.path(current))


def _dataset(run: Run, seed: int, known: Schema | None) -> Dataset:
    with run.timed("data"):
        dataset = prepare(run.project.config.data, run.project.root, seed, known)
    source = run.project.config.data.source
    shown = f"{dataset.train.rows:,} rows to train, {dataset.holdout.rows:,} to judge"
    if dataset.older_rows:
        shown += f" ({dataset.older_rows:,} older ones left out)"
    if dataset.golden is not None:
        shown += f", {dataset.golden.table.rows:,} golden"
    shown += f" ({source}, seed {seed})"
    run.journal.say("data", shown)
    for warning in dataset.warnings:
        run.journal.warn(warning)
    return dataset


def _drift(run: Run, dataset: Dataset) -> dict[str, Any]:
    # imports SciPy's statistics, which take half a second: only now, as with TensorFlow
    from keepfit.pipeline.data_drift import compare_with_served  # noqa: PLC0415

    with run.timed("drift"):
        drift = compare_with_served(dataset, run.versions, run.project.config.drift)
    if any(finding["drifted"] for finding in drift["findings"]):
        run.journal.say("drift", told(drift), "yellow")
    else:
        run.journal.record(f"drift: {told(drift)}")
    return drift


def _train(run: Run, dataset: Dataset, seed: int) -> "Candidate":
    # imports TensorFlow, which takes seconds: only now, so that a mistake in the data is told at once
    from keepfit.pipeline.candidate import make_candidate  # noqa: PLC0415
    from keepfit.pipeline.data_drift import keep_reference  # noqa: PLC0415

    config, folder = run.project.config, run.versions.stage(run.id)
    with run.journal.epochs(config.train.epochs) as on_epoch:
        candidate = make_candidate(dataset, config, run.project.root, seed, folder, on_epoch, _tensorboard(run))
    keep_reference(dataset, folder)
    loss, duration_s = candidate.training.history["loss"][-1], candidate.training.duration_s
    run.journal.say("trained", f"{config.train.epochs} epochs in {duration_s:.1f} s, loss {loss:.4f}")
    return candidate


def _tensorboard(run: Run) -> Path | None:
    folder = run.project.config.train.tensorboard_dir
    return None if folder is None else run.project.home / folder / run.id


def _set_aside(
    run: Run, candidate: "Candidate", dataset: Dataset, verdict: Verdict, metrics: dict[str, Any]
) -> Outcome:
    """End with a candidate that is not promoted: rejected, or nobody can tell yet."""
    ending: Literal["rejected", "inconclusive"] = "rejected" if verdict.decision == "REJECT" else "inconclusive"
    kept = _keep(run, candidate, dataset, metrics, at_least=0)
    current = run.versions.current()
    run.end(ending, verdict.reason, details=metrics, told=summary(metrics["verdict"], current))
    stays = "nothing is served yet" if current is None else f"version {current} stays in service"
    run.journal.say(ending.upper(), stays, "red" if ending == "rejected" else "yellow")
    if verdict.change:
        run.journal.say("to change", verdict.change)
    if kept is not None:
        run.journal.say("report", str(kept / artifacts.REPORT))
    return Outcome(ending, run.id, None, kept, verdict.reason, metrics)


def _qualify(run: Run, candidate: "Candidate") -> list[float]:
    """Try the candidate in the fresh process; return the times that it took there for a row, see Qualifier.check."""
    expected = candidate.predictions[: len(next(iter(candidate.sample.values())))]
    with run.timed("qualification"):
        latencies_ms = run.qualifier.check(candidate.folder, candidate.sample, expected, candidate.folder.parent)
    run.journal.say("qualified", f"a fresh process loads it and gives the same {len(expected)} predictions")
    return latencies_ms


def _require_record(run: Run, candidate: "Candidate", dataset: Dataset, metrics: dict[str, Any]) -> None:
    """Promote nothing that cannot be recorded; the candidate is kept, for a person to promote it later."""
    try:
        run.ledger.require_writable()
    except StorageError as error:
        _keep(run, candidate, dataset, metrics, at_least=1)
        raise StorageError(
            f"{error}; so nothing was promoted, and the candidate is kept: `keepfit promote {run.id}` promotes it later"
        ) from error


def _keep(run: Run, candidate: "Candidate", dataset: Dataset, metrics: dict[str, Any], *, at_least: int) -> Path | None:
    """Move the candidate aside, with what a person needs to look at it, and to promote it all the same."""
    rows = len(next(iter(candidate.sample.values())))
    write_sample(candidate.sample, candidate.predictions[:rows], candidate.folder)
    _write_files(candidate, dataset, metrics)
    keep = max(at_least, run.project.config.retention.candidates)
    return run.versions.keep_candidate(candidate.folder, keep)


def _write_files(candidate: "Candidate", dataset: Dataset, metrics: dict[str, Any]) -> None:
    report = render(metrics, dataset.schema, dataset.holdout.target, candidate.predictions)
    artifacts.write_report(report, candidate.folder)
    artifacts.write_metrics(metrics, candidate.folder)
    artifacts.write_manifest(candidate.folder)


def _publish(run: Run, candidate: "Candidate", dataset: Dataset, verdict: Verdict, metrics: dict[str, Any]) -> int:
    before, version = run.versions.current(), run.versions.reserve()
    metrics["version"] = version
    _write_files(candidate, dataset, metrics)
    sync_tree(candidate.folder)
    run.versions.publish(candidate.folder, version)
    run.end("promoted", verdict.reason, version, metrics, told=summary(metrics["verdict"], before))
    run.journal.say("PROMOTED", f"version {version}", "green")
    return version

"""One retraining run, and the only place that knows the order of its stages.

data ─> candidate (staged) ─> verdict ─> qualification ─> models/N ─> confirmed by the model server
"""

import contextlib
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from rich.console import Console

from keepfit.data.dataset import Dataset, prepare
from keepfit.data.schema import Schema
from keepfit.errors import DataError, DeploymentError, KeepfitError, StorageError, VersionNotFoundError
from keepfit.ledger import Kind, Ledger, LedgerPlace, mend, open_ledger
from keepfit.pipeline import artifacts, environment, record
from keepfit.pipeline.confirm import Presence, confirm, look
from keepfit.pipeline.gate import Evidence, Verdict, decide
from keepfit.pipeline.journal import Journal
from keepfit.pipeline.lock import only_run
from keepfit.pipeline.notify import Notifier
from keepfit.pipeline.qualify import Qualifier
from keepfit.pipeline.recover import recover
from keepfit.pipeline.report import render
from keepfit.project import Project
from keepfit.storage import sync_tree
from keepfit.versions import Versions

if TYPE_CHECKING:
    from keepfit.pipeline.candidate import Candidate

Trigger = Literal["manual", "schedule", "first"]
TRIGGERS: dict[str, Trigger] = {"manual": "manual", "schedule": "schedule", "first": "first"}
_STRANGER_S = 30.0


@dataclass(frozen=True)
class Outcome:
    """How a run ended: `version` is the promoted one, `folder` where the candidate is now."""

    status: Literal["promoted", "rejected", "inconclusive", "staged"]
    run: str
    version: int | None
    folder: Path | None
    reason: str
    metrics: Mapping[str, Any]


@dataclass(frozen=True)
class _Run:
    """What the stages of one run share."""

    id: str
    trigger: Trigger
    project: Project
    versions: Versions
    ledger: Ledger
    journal: Journal
    notifier: Notifier
    qualifier: Qualifier
    clock: Callable[[], float] = time.monotonic
    durations_s: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Measure how long a stage takes."""
        started = self.clock()
        yield
        self.durations_s[stage] = self.clock() - started


def retrain(
    project: Project, trigger: Trigger, console: Console, environ: Mapping[str, str], *, new_schema: bool = False
) -> Outcome:
    """Train, judge, and promote or not; with `new_schema` the data may differ in form from the served version's.

    Raises KeepfitError. Whatever happens, what is served stays served.
    """
    with _prepared(project, trigger, console, environ) as run:
        with _ending_recorded(run):
            dataset, candidate, verdict, metrics = _judged_candidate(run, new_schema=new_schema)
            if not verdict.promotes:
                return _set_aside(run, candidate, dataset, verdict, metrics)
            _qualify(run, candidate)
            _require_record(run, candidate, dataset, metrics)
            presence = look(project.serving_url, project.config.model_name, run.versions.current())
            version = _publish(run, candidate, dataset, verdict, metrics)
        # the run has its ending: what follows is about the version
        _confirm(run, version, presence)
        _prune(run)
        return Outcome("promoted", run.id, version, project.models_dir / str(version), verdict.reason, metrics)


def train_only(project: Project, console: Console, environ: Mapping[str, str], *, new_schema: bool = False) -> Outcome:
    """Train and judge one candidate and keep it aside; publishes nothing. Raises KeepfitError."""
    with _prepared(project, "manual", console, environ) as run, _ending_recorded(run):
        dataset, candidate, verdict, metrics = _judged_candidate(run, new_schema=new_schema)
        _write_files(candidate, dataset, metrics)
        kept = run.versions.keep_candidate(candidate.folder, max(1, project.config.retention.candidates))
        run.ledger.append("staged", verdict.reason, run=run.id, details=metrics)
        return Outcome("staged", run.id, None, kept, verdict.reason, metrics)


@contextmanager
def _prepared(project: Project, trigger: Trigger, console: Console, environ: Mapping[str, str]) -> Iterator[_Run]:
    """Hold the lock, put right what a killed run left, and record that this one starts."""
    versions = Versions(project.models_dir)
    run_id = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
    console.print(f"[bold]Keepfit[/] run {run_id}, model {project.config.model_name}", highlight=False)
    place = LedgerPlace.of(project)
    with (
        only_run(project.models_dir, trigger),
        Journal(project.train_log_path, console) as journal,
        Qualifier() as qualifier,  # early, so that it imports TensorFlow while the data is read
        _sound_ledger(place, journal) as ledger,
    ):
        notifier = Notifier(project.notifications_path, project.config.notifications.urls, environ)
        run = _Run(run_id, trigger, project, versions, ledger, journal, notifier, qualifier)
        removed, completed = recover(versions, ledger)
        if removed:
            journal.warn(f"removed {removed} leftover{'s' if removed > 1 else ''} of interrupted runs from staging")
        for event in completed:
            journal.warn(f"completed the record of run {event.run}: {event.kind}, {event.reason}")
            _announce(run, event.run or "-", event.kind, event.reason, event.version)
        ledger.append("started", trigger, run=run_id)
        yield run


@contextmanager
def _sound_ledger(place: LedgerPlace, journal: Journal) -> Iterator[Ledger]:
    if done := mend(place):
        journal.warn(done)
    with open_ledger(place) as ledger:
        yield ledger


@contextmanager
def _ending_recorded(run: _Run) -> Iterator[None]:
    try:
        yield
    except DataError as error:
        _end(run, "invalid_data", str(error))
        raise
    except KeepfitError as error:
        _end(run, "failed", str(error))
        raise
    except BaseException as error:  # Ctrl-C, or a defect of ours: recorded, and passed on
        kind: Kind = "interrupted" if isinstance(error, KeyboardInterrupt | SystemExit) else "failed"
        _end(run, kind, str(error) or type(error).__name__)
        raise
    finally:
        run.versions.clean_staging()


def _end(
    run: _Run, kind: Kind, reason: str, version: int | None = None, details: Mapping[str, Any] | None = None
) -> None:
    """Record and announce how the run ended; trouble with the record is told and never changes the ending."""
    _record(run, kind, reason, version, details)
    _announce(run, run.id, kind, reason, version)


def _record(
    run: _Run, kind: Kind, reason: str, version: int | None = None, details: Mapping[str, Any] | None = None
) -> None:
    if trouble := run.ledger.record(kind, reason, run=run.id, version=version, details=details):
        run.journal.warn(trouble)


def _announce(run: _Run, about: str, kind: Kind, reason: str, version: int | None) -> None:
    for problem in run.notifier.announce(about, version, kind, reason, run.project.config.model_name):
        run.journal.warn(problem)


def _judged_candidate(run: _Run, *, new_schema: bool) -> tuple[Dataset, "Candidate", Verdict, dict[str, Any]]:
    config = run.project.config
    seed = secrets.randbelow(2**31) if config.train.seed is None else config.train.seed
    dataset = _dataset(run, seed, None if new_schema else _served_schema(run.versions))
    candidate = _train(run, dataset, seed)
    verdict = decide(Evidence(candidate.evaluation), config.gate)
    run.journal.say("judged", verdict.reason)
    metrics = record.describe(
        config=config,
        dataset=dataset,
        candidate=candidate,
        verdict=verdict,
        run=run.id,
        trigger=run.trigger,
        seed=seed,
        created_at=datetime.now(UTC),
        durations_s={**run.durations_s, **candidate.durations_s},
        environment={
            "git": environment.git_commit(run.project.root),
            "libraries": environment.libraries(),
            "machine": environment.machine(),
        },
    )
    return dataset, candidate, verdict, metrics


def _served_schema(versions: Versions) -> Schema | None:
    current = versions.current()
    return None if current is None else artifacts.read_schema(versions.path(current))


def _dataset(run: _Run, seed: int, known: Schema | None) -> Dataset:
    with run.timed("data"):
        dataset = prepare(run.project.config.data, run.project.root, seed, known)
    source = run.project.config.data.source
    shown = f"{dataset.train.rows:,} rows to train, {dataset.holdout.rows:,} to judge ({source}, seed {seed})"
    run.journal.say("data", shown)
    for warning in dataset.warnings:
        run.journal.warn(warning)
    return dataset


def _train(run: _Run, dataset: Dataset, seed: int) -> "Candidate":
    # imports TensorFlow, which takes seconds: only now, so that a mistake in the data is told at once
    from keepfit.pipeline.candidate import make_candidate  # noqa: PLC0415

    config, folder = run.project.config, run.versions.stage(run.id)
    with run.journal.epochs(config.train.epochs) as on_epoch:
        candidate = make_candidate(dataset, config, run.project.root, seed, folder, on_epoch)
    loss, duration_s = candidate.training.history["loss"][-1], candidate.training.duration_s
    run.journal.say("trained", f"{config.train.epochs} epochs in {duration_s:.1f} s, loss {loss:.4f}")
    return candidate


def _set_aside(
    run: _Run, candidate: "Candidate", dataset: Dataset, verdict: Verdict, metrics: dict[str, Any]
) -> Outcome:
    """End with a candidate that is not promoted: rejected, or nobody can tell yet."""
    ending: Literal["rejected", "inconclusive"] = "rejected" if verdict.decision == "REJECT" else "inconclusive"
    _write_files(candidate, dataset, metrics)
    kept = run.versions.keep_candidate(candidate.folder, run.project.config.retention.candidates)
    _end(run, ending, verdict.reason, details=metrics)
    current = run.versions.current()
    stays = "nothing is served yet" if current is None else f"version {current} stays in service"
    run.journal.say(ending.upper(), f"{verdict.reason}; {stays}", "red" if ending == "rejected" else "yellow")
    if verdict.change:
        run.journal.say("to change", verdict.change)
    return Outcome(ending, run.id, None, kept, verdict.reason, metrics)


def _qualify(run: _Run, candidate: "Candidate") -> None:
    expected = candidate.predictions[: len(next(iter(candidate.sample.values())))]
    with run.timed("qualification"):
        run.qualifier.check(candidate.folder, candidate.sample, expected, candidate.folder.parent)
    run.journal.say("qualified", f"a fresh process loads it and gives the same {len(expected)} predictions")


def _require_record(run: _Run, candidate: "Candidate", dataset: Dataset, metrics: dict[str, Any]) -> None:
    """Promote nothing that cannot be recorded; the candidate is kept, for a person to promote it later."""
    try:
        run.ledger.require_writable()
    except StorageError as error:
        _write_files(candidate, dataset, metrics)
        run.versions.keep_candidate(candidate.folder, max(1, run.project.config.retention.candidates))
        raise StorageError(f"{error}; so nothing was promoted, and the candidate is kept as {run.id}") from error


def _write_files(candidate: "Candidate", dataset: Dataset, metrics: dict[str, Any]) -> None:
    report = render(metrics, dataset.schema, dataset.holdout.target, candidate.predictions)
    artifacts.write_report(report, candidate.folder)
    artifacts.write_metrics(metrics, candidate.folder)
    artifacts.write_manifest(candidate.folder)


def _publish(run: _Run, candidate: "Candidate", dataset: Dataset, verdict: Verdict, metrics: dict[str, Any]) -> int:
    version = run.versions.reserve()
    metrics["version"] = version
    metrics["durations_s"]["qualification"] = round(run.durations_s["qualification"], 3)
    _write_files(candidate, dataset, metrics)
    sync_tree(candidate.folder)
    run.versions.publish(candidate.folder, version)
    _end(run, "promoted", verdict.reason, version, metrics)
    run.journal.say("PROMOTED", f"version {version}", "green")
    return version


def _confirm(run: _Run, version: int, presence: Presence) -> None:
    """Wait until the server has the version; take it back if the server that serves this folder cannot.

    `presence` is what was at the server's address just before the version was published.
    """
    url, config = run.project.serving_url, run.project.config
    if presence == "absent":
        run.journal.say("served", f"not yet: no model server answers at {url}; the next one to start serves it")
        return
    if presence == "other":
        run.journal.say("served", f"not by {url}: that server does not serve this folder's {config.model_name}")
        return
    # a server that had nothing yet may be anybody's: it is not waited for so long
    longest_s = config.serving.confirm_timeout_s if presence == "serving" else _STRANGER_S
    timeout_s = min(longest_s, config.serving.confirm_timeout_s)
    confirmation = confirm(url, config.model_name, version, timeout_s, lambda: version in run.versions.numbers())
    if confirmation.outcome == "available":
        run.journal.say("served", f"by {url}, {confirmation.waited_s:.1f} s after it was published", "green")
    elif confirmation.outcome == "refused":
        _take_back(run, version, confirmation.reason)
    else:
        run.journal.say("served", f"not by {url}: {confirmation.reason}")


def _take_back(run: _Run, version: int, why: str) -> NoReturn:
    # a person may have been faster
    with contextlib.suppress(VersionNotFoundError):
        run.versions.retire(version)
    current = run.versions.current()
    reason = f"the model server could not take version {version}: {why}"
    _end(run, "rolled_back", reason, current)
    raise DeploymentError(f"{reason}; it was taken back, {f'version {current} serves' if current else 'none is left'}")


def _prune(run: _Run) -> None:
    """Remove old versions; what cannot be removed is told, for the new version is served already."""
    try:
        pruned = run.versions.prune(run.project.config.retention.versions)
    except StorageError as error:
        run.journal.warn(f"old versions stay: {error}")
        return
    if pruned:
        run.journal.say("pruned", f"version{'s' if len(pruned) > 1 else ''} {', '.join(map(str, pruned))}")

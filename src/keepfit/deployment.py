"""Rollback and restore by a person: move version directories, record it, tell people, ask the server.

Takes no run lock: a bad version can be taken back while the next one is being trained.
"""

from collections.abc import Mapping

from rich.console import Console

from keepfit.errors import StorageError
from keepfit.ledger import Kind, LedgerPlace, record
from keepfit.pipeline import artifacts
from keepfit.pipeline.confirm import confirm, look
from keepfit.pipeline.notify import Notifier
from keepfit.pipeline.tracking import track
from keepfit.project import Project
from keepfit.versions import Versions


def roll_back(project: Project, to: int | None, reason: str, console: Console, environ: Mapping[str, str]) -> None:
    """Retire the versions above `to` (default: the current one). Raises VersionNotFoundError, StorageError."""
    versions = Versions(project.models_dir)
    was_served = _is_served(project, versions)
    retired, target = versions.roll_back(to)
    if not retired:
        console.print(f"version {target} is the current one already", highlight=False)
        return
    names = ", ".join(map(str, retired))
    text = f"rolled back from {names} to version {target}: {reason}"
    _finish(project, "rolled_back", target, text, console, environ, was_served=was_served)
    console.print(f"[dim]`keepfit restore {retired[-1]}` brings version {retired[-1]} back[/]", highlight=False)


def restore(project: Project, version: int, reason: str, console: Console, environ: Mapping[str, str]) -> None:
    """Make a retired version visible again. Raises VersionNotFoundError, StorageError."""
    versions = Versions(project.models_dir)
    damaged = artifacts.damaged_files(versions.retired_path(version))
    if damaged:
        raise StorageError(f"version {version} cannot be restored, its files are not what they were: {damaged[0]}")
    was_served = _is_served(project, versions)
    versions.restore(version)
    current = versions.current() or version
    beside = "" if current == version else f" beside version {current}, which stays in service"
    text = f"restored version {version}{beside}"
    _finish(project, "restored", current, f"{text}: {reason}", console, environ, was_served=was_served)


def _is_served(project: Project, versions: Versions) -> bool:
    model, key = project.config.model_name, project.serving_api_key
    return look(project.serving_url, model, versions.current(), key) == "serving"


def _finish(
    project: Project,
    kind: Kind,
    version: int,
    text: str,
    console: Console,
    environ: Mapping[str, str],
    *,
    was_served: bool,
) -> None:
    """Record, announce and confirm what was done; trouble here is told, for it is done already."""
    trouble = record(LedgerPlace.of(project), kind, text, version=version)
    notifier = Notifier(project.notifications_path, project.config.notifications.urls, environ)
    problems = [trouble] if trouble else []
    problems += notifier.announce("-", version, kind, text, project.config.model_name)
    console.print(text, highlight=False, markup=False)
    if was_served:
        confirmation = confirm(
            project.serving_url,
            project.config.model_name,
            version,
            project.config.serving.confirm_timeout_s,
            lambda: version in Versions(project.models_dir).numbers(),
            api_key=project.serving_api_key,
        )
        served = (
            f"served after {confirmation.waited_s:.1f} s"
            if confirmation.outcome == "available"
            else confirmation.reason
        )
        console.print(f"{project.serving_url}: version {version} {served}", highlight=False, markup=False)
    if problem := track(project, environ):
        problems.append(problem)
    for problem in problems:
        console.print(f"note: {problem}", highlight=False, markup=False)

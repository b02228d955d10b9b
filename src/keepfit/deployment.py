"""Rollback and restore by a person: move version directories, record it, tell people, ask the server.

Takes no run lock: a bad version can be taken back while the next one is being trained.
"""

from collections.abc import Mapping

from rich.console import Console

from keepfit.errors import StorageError
from keepfit.ledger import Kind, open_ledger
from keepfit.pipeline.confirm import confirm, look
from keepfit.pipeline.notify import Notifier
from keepfit.project import Project
from keepfit.versions import Versions


def roll_back(project: Project, to: int | None, reason: str, console: Console, environ: Mapping[str, str]) -> None:
    """Retire the versions above `to` (default: the current one). Raises VersionNotFoundError, StorageError."""
    retired, target = Versions(project.models_dir).roll_back(to)
    if not retired:
        console.print(f"version {target} is the current one already", highlight=False)
        return
    names = ", ".join(map(str, retired))
    text = f"rolled back from {names} to version {target}: {reason}"
    _finish(project, "rolled_back", target, text, console, environ)
    console.print(f"[dim]`keepfit restore {retired[-1]}` brings version {retired[-1]} back[/]", highlight=False)


def restore(project: Project, version: int, reason: str, console: Console, environ: Mapping[str, str]) -> None:
    """Make a retired version visible again. Raises VersionNotFoundError, StorageError."""
    versions = Versions(project.models_dir)
    versions.restore(version)
    current = versions.current() or version
    _finish(project, "restored", current, f"restored version {version}: {reason}", console, environ)


def _finish(
    project: Project, kind: Kind, version: int, text: str, console: Console, environ: Mapping[str, str]
) -> None:
    """Record, announce and confirm what was done; trouble here is told, for it is done already."""
    problems = []
    try:
        with open_ledger(project.ledger_path) as ledger:
            ledger.append(kind, text, version=version)
    except StorageError as error:
        problems.append(str(error))
    notifier = Notifier(project.notifications_path, project.config.notifications.urls, environ)
    problems += notifier.announce("-", version, kind, text, project.config.model_name)
    console.print(text, highlight=False, markup=False)
    if look(project.serving_url, project.config.model_name) == "serving":
        confirmation = confirm(
            project.serving_url, project.config.model_name, version, project.config.serving.confirm_timeout_s
        )
        served = (
            f"served after {confirmation.waited_s:.1f} s"
            if confirmation.outcome == "available"
            else confirmation.reason
        )
        console.print(f"{project.serving_url}: version {version} {served}", highlight=False, markup=False)
    for problem in problems:
        console.print(f"note: {problem}", highlight=False, markup=False)

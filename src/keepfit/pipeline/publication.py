"""What follows when a version was published: the server confirms it, or it is taken back; old versions go."""

import contextlib
from typing import NoReturn

from keepfit.errors import DeploymentError, StorageError, VersionNotFoundError
from keepfit.pipeline.confirm import Presence, confirm
from keepfit.pipeline.session import Run

_STRANGER_S = 30.0


def confirm_served(run: Run, version: int, presence: Presence) -> None:
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
    confirmation = confirm(
        url,
        config.model_name,
        version,
        timeout_s,
        lambda: version in run.versions.numbers(),
        api_key=run.project.serving_api_key,
    )
    if confirmation.outcome == "available":
        run.journal.say("served", f"by {url}, {confirmation.waited_s:.1f} s after it was published", "green")
    elif confirmation.outcome == "refused":
        _take_back(run, version, confirmation.reason)
    else:
        run.journal.say("served", f"not by {url}: {confirmation.reason}")


def _take_back(run: Run, version: int, why: str) -> NoReturn:
    # a person may have been faster
    with contextlib.suppress(VersionNotFoundError):
        run.versions.retire(version)
    current = run.versions.current()
    reason = f"the model server could not take version {version}: {why}"
    run.end("rolled_back", reason, current)
    raise DeploymentError(f"{reason}; it was taken back, {f'version {current} serves' if current else 'none is left'}")


def prune(run: Run) -> None:
    """Remove old versions; what cannot be removed is told, for the new version is served already."""
    try:
        pruned = run.versions.prune(run.project.config.retention.versions)
    except StorageError as error:
        run.journal.warn(f"old versions stay: {error}")
        return
    if pruned:
        run.journal.say("pruned", f"version{'s' if len(pruned) > 1 else ''} {', '.join(map(str, pruned))}")

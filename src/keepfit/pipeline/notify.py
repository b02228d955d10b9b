"""Tells people of decisions: one line in notifications.log, and every Apprise URL of the config.

A notifier that fails is a warning, never a failed run.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import apprise

from keepfit.errors import ConfigError, StorageError
from keepfit.project import expand_environment
from keepfit.storage import append_line

_log = logging.getLogger(__name__)
_WORDS = {"overridden": "promoted by a person", "invalid_data": "not trained, invalid data"}
"""How a notification's title says what the record calls by one word."""


class Notifier:
    """Where decisions are announced."""

    def __init__(self, log_path: Path, urls: Sequence[str], environ: Mapping[str, str]) -> None:
        self._log_path = log_path
        self._urls = urls
        self._environ = environ

    def announce(self, run: str, version: int | None, verdict: str, reason: str, model_name: str) -> list[str]:
        """Announce a decision; return what went wrong, one sentence each, without any secret."""
        when = datetime.now(UTC).isoformat(timespec="seconds")
        numbered = "-" if version is None else str(version)
        line = f"{when} model={model_name} run={run} version={numbered} verdict={verdict} reason={reason}"
        problems = []
        try:
            append_line(self._log_path, line)
        except StorageError as error:
            problems.append(str(error))
        subject = model_name if version is None else f"{model_name} version {version}"
        title = f"Keepfit: {subject} {_WORDS.get(verdict, verdict.replace('_', ' '))}"
        problems += [problem for url in self._urls if (problem := self._send(url, title, f"{reason}\nRun {run}"))]
        for problem in problems:
            _log.warning("notification failed: %s", problem)
        return problems

    def _send(self, url: str, title: str, body: str) -> str:
        kind = url.partition("://")[0] if "://" in url else "configured"
        try:
            with _silenced(logging.getLogger("apprise")):
                messenger = apprise.Apprise()
                if not messenger.add(expand_environment(url, self._environ)):
                    return f"the {kind} notification URL is not one that Apprise knows"
                return "" if messenger.notify(title=title, body=body) else f"the {kind} notification was not delivered"
        except ConfigError as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 - whatever a notification service raises must not fail the run
            return f"the {kind} notification failed with {type(error).__name__}"


@contextmanager
def _silenced(logger: logging.Logger) -> Iterator[None]:
    """Apprise logs the URLs that it cannot read, secrets and all."""
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before
